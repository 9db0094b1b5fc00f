"""Marked texts."""

import pytest

from caretune.errors import FilterError
from caretune.safety import marks
from caretune.safety.marks import Text


def _read(tmp_path, example):
    path = tmp_path / "texts.yaml"
    path.write_text(f'examples:\n  - "{example}"\n', encoding="utf-8")
    return marks.read(path)


@pytest.mark.parametrize(
    ("example", "text"),
    [
        pytest.param("at «5 Elm», I", Text("at 5 Elm, I", [(3, 8)]), id="one"),
        pytest.param("«Orla», «Finn»", Text("Orla, Finn", [(0, 4), (6, 10)]), id="two"),
        pytest.param("nobody", Text("nobody", []), id="none"),
    ],
)
def test_marks_become_spans(tmp_path, example, text):
    """The text is without its marks, the spans are those of what stood between them."""
    assert _read(tmp_path, example) == [text]


@pytest.mark.parametrize("example", ["at «5 Elm", "at 5 Elm»", "«a «b»", "«»"])
def test_a_mark_without_its_partner_is_named(tmp_path, example):
    """The message names file and example, not the text, and says what to do."""
    told = r"texts\.yaml: example 1 has a mark « or » without its partner\. Put both around"
    with pytest.raises(FilterError, match=told):
        _read(tmp_path, example)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param("given: [Orla]\n", "missing required field `examples`", id="no examples"),
        pytest.param("examples: [1]\n", r"Expected `str`, got `int` .*\[0\]", id="a number"),
        pytest.param("examples: [a\n", "while parsing a flow sequence", id="broken YAML"),
        pytest.param("", "Expected `object`, got `null`", id="empty"),
    ],
)
def test_a_wrong_file_is_one_error_that_names_it(tmp_path, content, told):
    """The file, what is wrong, what to do; no traceback."""
    path = tmp_path / "texts.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(FilterError, match=rf"(?s)texts\.yaml: .*{told}.*\. Mend the file\.$"):
        marks.read(path)


def test_a_missing_file_is_named(tmp_path):
    """The message says where it comes from."""
    with pytest.raises(FilterError, match=r"texts\.yaml: no such file of examples\. Restore it"):
        marks.read(tmp_path / "texts.yaml")
