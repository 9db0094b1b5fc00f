"""Spans and placeholders of the whole step."""

from itertools import pairwise

import pytest

from caretune.safety import normalise, pii
from caretune.safety.decision import PiiSpan


def _found(chain, text):
    return [(str(span.type), text[span.start : span.end]) for span in chain.redact(text).spans]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(
            "My sister Thandeka lives at Flat 3, 12 Oak Lane, Tipton.",
            [("NAME", "Thandeka"), ("ADDRESS", "Flat 3, 12 Oak Lane, Tipton")],
            id="name and address",
        ),
        pytest.param(
            "We moved to 8 Heron Court, Dayton OH 45499 in spring.",
            [("ADDRESS", "8 Heron Court, Dayton OH 45499")],
            id="town, state and code",
        ),
        pytest.param(
            "He is in Whitlock Hall, 4 Abbot Row now.",
            [("ADDRESS", "Whitlock Hall, 4 Abbot Row")],
            id="house before the street",
        ),
        pytest.param(
            "Ms. Anna Berg\nAcme Corporation\n5 Rose Lane\nTipton\n020 7946 0000",
            [("NAME", "Anna Berg"), ("ADDRESS", "5 Rose Lane\nTipton"), ("PHONE", "020 7946 0000")],
            id="line breaks part",
        ),
        pytest.param(
            "mail me, lil_moth22 @ example . com",
            [("EMAIL", "lil_moth22 @ example . com")],
            id="e-mail set apart",
        ),
        pytest.param(
            "see example dot com slash stories slash 4471",
            [("URL", "example dot com slash stories slash 4471")],
            id="spoken page",
        ),
        pytest.param("I want to die on Monday in London.", [], id="crisis wording stays"),
        pytest.param(
            "I live at 12 Oak Lane and want to die",
            [("ADDRESS", "12 Oak Lane")],
            id="and stays beside an address",
        ),
        pytest.param("Call 988 or Samaritans on 116 123.", [], id="crisis lines stay"),
        pytest.param("Carl Rogers met Nelson Mandela.", [], id="famous figures stay whole"),
        pytest.param(
            "NAME: JOHN SMITH DOB 1980-05-12",
            [("NAME", "JOHN SMITH"), ("DATE_OF_BIRTH", "1980-05-12")],
            id="form in capitals",
        ),
        pytest.param("Freud and Shakespeare knew about grief.", [], id="famous figures stay"),
        pytest.param(
            "Orla\u200b Finn told me: call 020 7946 0000 😀",
            [("NAME", "Orla\u200b Finn"), ("PHONE", "020 7946 0000")],
            id="code points of the original",
        ),
    ],
)
def test_personal_data_is_found(chain, text, found):
    """Spans are code points of the original, whole, and nothing else."""
    assert _found(chain, text) == found


_BETWEEN = (
    "kill myself",
    "suicide tonight",
    "I want to die",
    "hurt myself",
    "i'm going to hurt him",
)


@pytest.mark.parametrize("said", _BETWEEN)
@pytest.mark.parametrize("mark", [" ", ", ", ". "])
def test_words_of_danger_between_two_addresses_stay(chain, said, mark):
    """Both addresses go, what was said between them does not."""
    text = mark.join(("I am at 12 Oak Street", said, "14 Oak Street"))
    redacted = mark.join(("I am at [ADDRESS_1]", said, "[ADDRESS_2]"))
    assert chain.redact(text).text == redacted


def test_no_name_or_address_covers_a_sign_of_danger(chain, labelled_rows):
    """Of all that patterns of crisis and methods match in labelled messages, redaction hides nothing."""
    hidden, matched = [], 0
    for number, row in enumerate(labelled_rows):
        signs = _signs(chain, row.text)
        matched += len(signs)
        spans = chain.redact(row.text).spans if signs else []
        for span in (span for span in spans if span.type in {"NAME", "ADDRESS"}):
            hidden += [number for start, end in signs if span.start < end and start < span.end]
    assert hidden == []
    assert matched > 1500


def _signs(chain, text):
    folded = normalise.normalise(text).folded
    return [
        folded.original(hit.start, hit.end)
        for hit in chain._spoken.scan(folded.text)
        if hit.pattern.family in {"crisis", "methods"}
    ]


def test_line_feeds_stay_in_the_lined_view():
    """Only line feeds come back, each in its place; a text without any is untouched."""
    text = "a\u200b\n b\tc"
    view = normalise.normalise(text).plain
    assert (view.text, pii.lined(text, view).text) == ("a  b c", "a\n b c")
    assert pii.lined("a b", view) is view


def test_spans_do_not_overlap(chain, labelled_rows):
    """Spans of every labelled message ascend without overlaps."""
    rows = [row for row in labelled_rows if row.task == "pii"]
    for row in rows:
        spans = chain.redact(row.text).spans
        assert all(a.end <= b.start for a, b in pairwise(spans))
    assert len(rows) > 400


def test_a_value_keeps_its_placeholder():
    """Case and spaces make no other person."""
    placeholders = pii.Placeholders()
    text = "Orla met ORLA and Finn"
    spans = [PiiSpan("NAME", 0, 4, 1.0), PiiSpan("NAME", 9, 13, 1.0), PiiSpan("NAME", 18, 22, 1.0)]
    assert placeholders.replace(text, spans) == "[NAME_1] met [NAME_1] and [NAME_2]"
