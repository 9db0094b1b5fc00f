"""From a percent script to a page: strict names, equal bytes, nothing from outside."""

import nbformat
import pytest

from caretune.errors import CaretuneError
from caretune.reports import render

HEADER = """# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% tags=["parameters"]
reports = "reports"

"""
CELLS = """# %% [markdown]
# # A heading

# %%
from pathlib import Path
from caretune import records
from caretune.reports import tables
print(reports)
object()

# %%
tables.bars(records.read_json(Path(reports) / "figures.json"))
"""


@pytest.fixture
def notebook(tmp_path):
    """A notebook that prints, shows an address and reads a file."""
    path = tmp_path / "small.py"
    path.write_text(HEADER + CELLS)
    return path


def test_missing_notebook_is_named(tmp_path):
    """The error says which path."""
    with pytest.raises(CaretuneError, match=r"absent\.py: no such file"):
        render.read(tmp_path / "absent.py")


def test_header_without_percent_format_is_refused(tmp_path):
    """It would be read as the light format."""
    (tmp_path / "bare.py").write_text("x = 1\n")
    with pytest.raises(CaretuneError, match="the header names no percent format"):
        render.read(tmp_path / "bare.py")


def test_unknown_parameter_is_refused(notebook):
    """Papermill would ignore it."""
    draft = render.read(notebook)
    with pytest.raises(
        CaretuneError, match="unknown parameter 'report', its parameters cell assigns reports"
    ):
        render.check_parameters(draft, notebook, {"report": "x"})


def test_notebook_without_parameters_cell_is_refused(notebook):
    """There would be nothing to replace."""
    notebook.write_text(notebook.read_text().replace("parameters", "other"))
    with pytest.raises(CaretuneError, match="expected one cell tagged `parameters`, found 0"):
        render.check_parameters(render.read(notebook), notebook, {})


def test_normalising_takes_out_what_differs_from_run_to_run():
    """Ids, times, papermill's notes and memory addresses."""
    shown = nbformat.v4.new_output("execute_result", {"text/plain": "<object at 0x7f10>"})
    cell = nbformat.v4.new_code_cell("object()", outputs=[shown])
    cell.metadata.update(execution={"start": "now"}, papermill={"duration": 1}, tags=["kept"])
    book = nbformat.v4.new_notebook(cells=[cell], metadata={"papermill": {"duration": 1}})
    done = render.normalise(book)
    assert done.cells[0].id.startswith("c00-")
    assert done.cells[0].metadata == {"tags": ["kept"]}
    assert done.cells[0].outputs[0].data["text/plain"] == "<object at 0x0>"
    assert "papermill" not in done.metadata


@pytest.mark.slow
def test_two_runs_give_equal_bytes(notebook, tmp_path):
    """Page and notebook, each in a fresh kernel; the page shows outputs and no code."""
    (tmp_path / "figures.json").write_text('{"north": 2, "south": 1}')
    made = []
    for name in ("first", "second"):
        out = tmp_path / name / "small"
        render.render(notebook, out, {"reports": str(tmp_path)})
        made.append([out.with_suffix(suffix).read_bytes() for suffix in (".html", ".ipynb")])
    assert made[0] == made[1]
    page = made[0][0].decode()
    assert "<h1" in page
    assert "south" in page
    assert "read_json" not in page
    assert "http" not in page


def test_footer_names_the_script_and_not_the_report():
    """One script may make many reports: the footer says which one to open."""
    page = render.to_html(nbformat.v4.new_notebook(), "sweep-first", "sweep.py", "reports")
    assert "notebooks/sweep.py" in page
    assert "<title>caretune: sweep-first report" in page


@pytest.mark.slow
def test_missing_input_is_one_sentence(notebook, tmp_path):
    """An error of caretune in a cell is told as it is, without papermill's frame."""
    with pytest.raises(
        CaretuneError, match=r"figures\.json: no such file\. Run `dvc repro`"
    ) as told:
        render.render(notebook, tmp_path / "small", {"reports": str(tmp_path)})
    assert "\n" not in str(told.value)
