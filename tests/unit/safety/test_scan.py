"""The scanner, and the filter that it relies on."""

import random
import re
from pathlib import Path

import pytest

from caretune.errors import FilterError
from caretune.safety import normalise, patterns
from caretune.safety.patterns import Pattern
from caretune.safety.scan import Scanner, widened

_FOLDER = Path(__file__).parents[3] / "caretune/safety/patterns"
_ODD = [
    "caf\u00e9",
    "\u00c9lodie",
    "\u4f60\u597d",
    "\U0001f622",
    "\u0661\u0662",
    "na\u00efve",
    "\n",
    "\ud800",
]


def _pattern(expression):
    return Pattern("probe", "crisis", "t", "c", 1, expression, "own")


def test_every_match_of_every_pattern_is_found():
    """Overlapping patterns and repeated matches are all reported, with their spans."""
    scanner = Scanner([_pattern("kill(?:ing)?"), _pattern("killing me")])
    found = [(hit.start, hit.end) for hit in scanner.scan("killing me, kill")]
    assert found == [(0, 7), (12, 16), (0, 10)]


def test_a_broken_expression_is_named():
    """The error says which pattern is no regular expression."""
    with pytest.raises(FilterError, match="pattern probe of crisis is no regular expression"):
        Scanner([_pattern("(")])


@pytest.mark.parametrize("own", [True, False], ids=["as written", "folded"])
def test_the_scan_equals_a_loop_of_re(labelled_rows, own):
    """10,000 texts of shuffled words, examples and odd characters: what `re` finds is found."""
    found = [p for p in patterns.load(_FOLDER) if p.case_sensitive is own]
    words = [word for row in labelled_rows for word in row.text.split()] + _ODD * 20
    examples = [text for pattern in found for text in pattern.matches]
    scanner = Scanner(found)
    compiled = [(pattern.name, pattern.compile()) for pattern in found]
    generator = random.Random(5)
    hits = 0
    for _ in range(10_000):
        pieces = [*generator.choices(words, k=6), generator.choice(examples)]
        generator.shuffle(pieces)
        views = normalise.normalise(" ".join(pieces))
        text = views.plain.text if own else views.folded.text
        expected = [
            (name, match.span()) for name, found_by in compiled for match in found_by.finditer(text)
        ]
        assert [(hit.pattern.name, hit.match.span()) for hit in scanner.scan(text)] == expected
        hits += len(expected)
    assert hits > 10_000


@pytest.mark.parametrize("text", ["die or die", "caf\u00e9: die or die"], ids=["ascii", "other"])
def test_spans_are_of_characters(text):
    """A match that fails where RE2 sees one is passed over, and what follows is found."""
    scanner = Scanner([_pattern(r"\b(?<!or )die")])
    start = text.index("die")
    assert [(hit.start, hit.end) for hit in scanner.scan(text)] == [(start, start + 3)]
    scanner = Scanner([_pattern(r"(?<=or )die")])
    assert [hit.start for hit in scanner.scan(text)] == [len(text) - 3]


def test_every_sign_of_risk_counts_and_only_modifiers_are_capped():
    """Forty quoted signs do not hide the next one; of a modifier 32 matches are enough."""
    modifier = Pattern("quoted", "modifiers", "quotation", "modifier", 0, "said", "own")
    hits = Scanner([_pattern("die"), modifier]).scan("said die " * 41)
    assert [sum(hit.pattern.name == name for hit in hits) for name in ("probe", "quoted")] == [
        41,
        32,
    ]


@pytest.mark.parametrize(
    ("expression", "ascii_only", "wide"),
    [
        pytest.param(r"(?<!don't )\bstop(?! it)", True, r"\bstop", id="lookarounds"),
        pytest.param(r"a(?!b(?:c|d)[)])e", True, "ae", id="nested groups"),
        pytest.param(r"(\d)\1", True, r"(\d)(?s:.*)", id="back-reference"),
        pytest.param(r"\b\w[\w.]", False, r"[\pL\pN_][\pL\pN_.]", id="unicode classes"),
        pytest.param(r"\(\w", True, r"\(\w", id="escaped bracket"),
    ],
)
def test_widened_drops_what_re2_lacks(expression, ascii_only, wide):
    """Lookarounds, back-references and Unicode borders give way; the rest stays."""
    assert widened(expression, ascii_only) == wide
    assert re.compile(expression)
