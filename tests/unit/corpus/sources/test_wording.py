"""Our own sentences around what a source tells."""

import pytest

from caretune.corpus.sources import wording


def test_a_choice_hangs_on_the_names_alone():
    """The same names give the same sentence, and names spread over all sentences."""
    sentences = ["a", "b", "c"]
    chosen = [wording.choose(sentences, "slot", f"term {n}") for n in range(60)]
    assert chosen == [wording.choose(sentences, "slot", f"term {n}") for n in range(60)]
    assert set(chosen) == set(sentences)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a lamp", "A lamp."),
        (" A lamp. ", "A lamp."),
        ("why?", "Why?"),
        ("these:", "These:"),
        ('it "glows."', 'It "glows."'),
    ],
)
def test_a_sentence_has_a_capital_and_an_end(text, sentence):
    """A capital first, a mark last, and never two."""
    assert wording.sentence(text) == sentence


def test_a_definition_does_not_repeat_its_name():
    """Where the definition names the term itself, it stands alone."""
    sentences = ["{X}: {D}"]
    assert wording.fill(sentences, "definition", {"X": "lamp", "D": "A light."}) == "Lamp: A light."
    assert (
        wording.fill(sentences, "definition", {"X": "lamp", "D": "Lamp is a light."})
        == "Lamp is a light."
    )


def test_long_names_are_quoted():
    """From three words on a name stands in quotation marks."""
    assert wording.quoted("table lamp") == "table lamp"
    assert wording.quoted("lamp for tables") == '"lamp for tables"'


def test_exchanges_become_turns():
    """Each pair is a user turn and an assistant turn."""
    row = wording.conversation("concept", [("a?", "b"), ("c?", "d")])
    assert [(m.role, m.content) for m in row.messages] == [
        ("user", "a?"),
        ("assistant", "b"),
        ("user", "c?"),
        ("assistant", "d"),
    ]
    assert row.category == "concept"
