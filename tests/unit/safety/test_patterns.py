"""Pattern files and their loader."""

from pathlib import Path
from re import _parser as parser

import pytest

from caretune.errors import FilterError
from caretune.safety import patterns
from caretune.safety.stream import WINDOW

_FOLDER = Path(__file__).parents[3] / "caretune/safety/patterns"
_FILE = """family: {family}
sources: {{own: "own words"}}
words: {{thing: "(?:tea|coffee)"}}
patterns:
  - {{name: {family}_drink, type: t, component: c, weight: 1, source: own,
     pattern: "\\\\b{{thing}}\\\\b", matches: ["{match}"], rejects: ["teapot"]}}
"""


@pytest.fixture
def folder(tmp_path):
    """Return a folder with one small pattern a family."""
    for family in patterns.FAMILIES:
        (tmp_path / f"{family}.yaml").write_text(_FILE.format(family=family, match="some tea"))
    return tmp_path


def test_shipped_patterns_hold_their_examples():
    """Every shipped pattern matches and rejects what it says, and there are many."""
    assert len(patterns.load(_FOLDER)) > 150


@pytest.mark.parametrize("pattern", patterns.load(_FOLDER), ids=lambda pattern: pattern.name)
def test_shipped_pattern_is_bounded_with_examples(pattern):
    """No pattern can match 128 characters, and each has a match and a reject."""
    assert parser.parse(pattern.pattern).getwidth()[1] < WINDOW
    assert pattern.matches
    assert pattern.rejects


def test_words_are_expanded(folder):
    """A piece in braces stands for its expression."""
    assert patterns.load(folder)[0].pattern == r"\b(?:tea|coffee)\b"


def test_a_failing_example_is_refused(folder):
    """The message names the pattern, its file and the example."""
    (folder / "crisis.yaml").write_text(_FILE.format(family="crisis", match="water"))
    with pytest.raises(
        FilterError, match=r"pattern crisis_drink of crisis.yaml does not match its example 1"
    ):
        patterns.load(folder)


def test_a_sign_of_suicide_that_weighs_too_little_is_refused(folder):
    """Behaviour is imminent on the screener; a weight below high cannot be told from a typing error."""
    text = _FILE.format(family="crisis", match="some tea")
    text = text.replace(
        "type: t, component: c, weight: 1",
        "type: suicidal_ideation, component: behaviour, weight: 3",
    )
    (folder / "crisis.yaml").write_text(text)
    assert patterns.load(folder)
    (folder / "crisis.yaml").write_text(text.replace("weight: 3", "weight: 2"))
    message = (
        "crisis_drink of crisis.yaml weighs 2, and a sign of behaviour at least 3. Raise its weight"
    )
    with pytest.raises(FilterError, match=message):
        patterns.load(folder)


def test_an_unknown_word_is_refused(folder):
    """A piece that the file does not name is an error."""
    text = (folder / "bias.yaml").read_text().replace("{thing: ", "{other: ")
    (folder / "bias.yaml").write_text(text)
    with pytest.raises(
        FilterError,
        match=r"bias_drink uses \{thing\}, which its `words` do not name before\. Add it",
    ):
        patterns.load(folder)


def test_a_pattern_without_source_is_refused(folder):
    """Every pattern names where it comes from."""
    text = (folder / "pii.yaml").read_text().replace("source: own", "source: rumour")
    (folder / "pii.yaml").write_text(text)
    with pytest.raises(FilterError, match=r"pii_drink names no source .*\. Add it there"):
        patterns.load(folder)


def test_a_missing_file_is_named(folder):
    """The family that is not there is named."""
    (folder / "others.yaml").unlink()
    with pytest.raises(FilterError, match=r"others.yaml: no such pattern file"):
        patterns.load(folder)


def test_a_name_stands_once(folder):
    """Two patterns of one name are refused, whatever their files."""
    text = (folder / "pii.yaml").read_text().replace("pii_drink", "bias_drink")
    (folder / "pii.yaml").write_text(text)
    with pytest.raises(FilterError, match="pattern bias_drink stands twice"):
        patterns.load(folder)


def test_a_word_that_uses_a_later_word_is_refused(folder):
    """Words are expanded in the order of the file."""
    text = (folder / "bias.yaml").read_text().replace("{thing: ", '{first: "{thing}", thing: ')
    (folder / "bias.yaml").write_text(text)
    with pytest.raises(FilterError, match=r"bias\.yaml: first uses \{thing\}, which its `words`"):
        patterns.load(folder)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param("sources:", "source:", "field `source`", id="no sources"),
        pytest.param("patterns:", "pattern:", "field `pattern`", id="no patterns"),
        pytest.param("weight: 1, ", "", r"field `weight` - at .*\[0\]", id="no weight"),
        pytest.param("name: ", "nome: ", r"field `\w+` - at .*\[0\]", id="no name"),
        pytest.param("source: own,", "", r"field `source` - at .*\[0\]", id="no source"),
        pytest.param("}\n", "\n", "while parsing", id="broken YAML"),
    ],
)
def test_a_wrong_file_is_one_error_that_names_it(folder, before, after, told):
    """The file, what is wrong and where, what to do; no traceback."""
    path = folder / "crisis.yaml"
    path.write_text(path.read_text().replace(before, after))
    with pytest.raises(FilterError, match=rf"(?s)crisis\.yaml: .*{told}.*\. Mend the file\.$"):
        patterns.load(folder)
