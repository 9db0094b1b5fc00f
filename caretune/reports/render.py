"""From a percent script to a report: run by papermill, normalised, written as one HTML page.

Equal inputs give equal bytes, for the page and for the notebook beside it. Papermill itself reads
only .ipynb, ignores parameters that a notebook does not know and leaves times, random cell ids and
its own metadata behind; all of that is mended here.
"""

import ast
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import jupytext
import nbformat
import papermill
from jinja2 import FileSystemLoader
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from caretune import errors, records
from caretune.errors import CaretuneError

_HERE = Path(__file__).parent
_ADDRESS = re.compile(r"\bat 0x[0-9a-f]+")
_TRANSIENT = ("execution", "papermill")
# What goes wrong in a cell comes back as an error; the kernel's own log only tells of loopback
# without encryption and of its own end.
_QUIET = ["--IPKernelApp.log_level=CRITICAL"]


def render(notebook: Path, out: Path, parameters: Mapping[str, str]) -> None:
    """Run a notebook with parameters and write `out`.html and `out`.ipynb.

    Args:
        notebook: A jupytext percent script with a cell tagged `parameters`.
        out: Path of both files without their suffix; its last part names the report.
        parameters: Name -> value; every name must stand in the parameters cell. Paths are relative
            to the working directory, which is the notebook's too.

    Raises:
        CaretuneError: The notebook cannot be used, knows no such parameter, or misses an input.
    """
    draft = read(notebook)
    check_parameters(draft, notebook, parameters)
    done = normalise(execute(draft, parameters))
    text = nbformat.writes(done)  # type: ignore[no-untyped-call]  # the library is half typed
    records.write_text(out.with_name(f"{out.name}.ipynb"), f"{text}\n")
    page = to_html(done, out.name, notebook.name, parameters["reports"])
    records.write_text(out.with_name(f"{out.name}.html"), page)


def read(notebook: Path) -> NotebookNode:
    """Read a percent script.

    Raises:
        CaretuneError: The file is missing or its header does not name format and kernel.
    """
    if not notebook.exists():
        raise CaretuneError(f"{notebook}: no such file. Check the path of the notebook.")
    draft: NotebookNode = jupytext.read(notebook)
    form = draft.metadata.get("jupytext", {}).get("text_representation", {})
    if form.get("format_name") != "percent" or "kernelspec" not in draft.metadata:
        raise CaretuneError(
            f"{notebook}: the header names no percent format with `extension: .py`, or no "
            "kernelspec. Copy the header of another notebook."
        )
    return draft


def check_parameters(draft: NotebookNode, notebook: Path, parameters: Mapping[str, str]) -> None:
    """Refuse parameters that the cell tagged `parameters` does not assign.

    Raises:
        CaretuneError: Names the parameter and what the notebook knows.
    """
    tagged = [c for c in draft.cells if "parameters" in c.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise CaretuneError(
            f"{notebook}: expected one cell tagged `parameters`, found {len(tagged)}. Tag the cell "
            'that assigns them: # %% tags=["parameters"].'
        )
    known = {
        target.id
        for node in ast.walk(ast.parse(tagged[0].source))
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for name in sorted(set(parameters) - known):
        raise CaretuneError(
            f"{notebook}: unknown parameter {name!r}, its parameters cell assigns "
            f"{', '.join(sorted(known)) or 'nothing'}. Correct the name or add it there."
        )


def execute(draft: NotebookNode, parameters: Mapping[str, str]) -> NotebookNode:
    """Run a notebook from top to bottom in a fresh kernel of this interpreter.

    Raises:
        CaretuneError: A cell raised one of caretune's own errors, such as a missing input.
    """
    with _kernel_environment():
        try:
            done: NotebookNode = papermill.execute_notebook(
                draft,
                None,
                dict(parameters),
                kernel_name="python3",
                progress_bar=False,
                extra_arguments=_QUIET,
            )
        except PapermillExecutionError as error:
            if not issubclass(getattr(errors, error.ename, Exception), CaretuneError):
                raise
            raise CaretuneError(error.evalue) from None
    return done


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Take out of an executed notebook what differs from run to run: ids, times, addresses."""
    for number, cell in enumerate(notebook.cells):
        told = hashlib.sha256(cell.source.encode()).hexdigest()[:8]
        cell["id"] = f"c{number:02d}-{told}"
        for key in _TRANSIENT:
            cell.metadata.pop(key, None)
        for output in cell.get("outputs", []):
            texts = output if output.output_type == "stream" else output.get("data", {})
            for kind, text in texts.items():
                if isinstance(text, str):
                    texts[kind] = _ADDRESS.sub("at 0x0", text)
    notebook.metadata.pop("papermill", None)
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def to_html(notebook: NotebookNode, name: str, source: str, inputs: str) -> str:
    """Return an executed notebook as one page that needs no other file; code cells are left out.

    Args:
        notebook: An executed notebook.
        name: Of the report.
        source: File name of the script that it was made from, for the footer.
        inputs: Folder that was read, for the footer.
    """
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]  # the library is half typed
        extra_loaders=[FileSystemLoader(_HERE)],
        template_file="page.jinja",
        exclude_anchor_links=True,
    )
    css = (_HERE / "page.css").read_text(encoding="utf-8")
    told = {"css": css, "name": name, "source": source, "inputs": inputs}
    page, _ = exporter.from_notebook_node(notebook, told)
    return str(page).rstrip() + "\n"


@contextmanager
def _kernel_environment() -> Iterator[None]:
    """Keep the kernel's own files out of the home folder and its hashes fixed."""
    with tempfile.TemporaryDirectory(prefix="caretune-kernel-") as folder:
        wanted = {
            "PYTHONHASHSEED": "0",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # else a warning lands in the log
            "IPYTHONDIR": f"{folder}/ipython",
            "JUPYTER_RUNTIME_DIR": f"{folder}/runtime",
        }
        before = {name: os.environ[name] for name in wanted if name in os.environ}
        os.environ.update(wanted)
        try:
            yield
        finally:
            for name in wanted:
                del os.environ[name]
            os.environ.update(before)
