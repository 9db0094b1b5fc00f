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
    """The message names file and example, not the text."""
    with pytest.raises(FilterError, match=r"texts.yaml: example 1 has a mark « or » without its"):
        _read(tmp_path, example)
