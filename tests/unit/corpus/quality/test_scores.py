"""What each score measures, at its ends and where it is silent."""

import pytest

from caretune.corpus.quality import scores
from caretune.corpus.quality.scores import WINDOW, measure, side
from caretune.records import Message
from tests.unit.corpus.quality.planted import messages

ASKED = "My sister sold the orchard behind our house and I feel betrayed by her and by the lawyer."
ANSWERED = (
    "Your sister sold more than an orchard, and the lawyer helped. Where does the betrayal sit?"
)


def scored(asked=ASKED, answered=ANSWERED):
    """Score one exchange."""
    row = messages((asked, answered))
    return measure(side(row, "user"), side(row, "assistant"))


def test_a_good_exchange_is_near_the_top():
    """English, varied, natural, about this client's matter."""
    found = scored()
    assert {name: found[name] for name in ("language", "naturalness", "variety")} == {
        "language": 1.0,
        "naturalness": 1.0,
        "variety": 1.0,
    }
    assert found["specificity"] > 0.9


def test_what_is_too_short_is_unscored():
    """Two words have no score at all, not the score 0."""
    assert scored("hi", "yo") == {}


@pytest.mark.parametrize(
    ("name", "asked", "answered", "low", "high"),
    [
        pytest.param("language", ASKED, "Das Haus war alt, aber der Garten trug noch jedes Jahr sehr viele Birnen.", 0.0, 0.0, id="German"),
        pytest.param("language", "\u6211\u6700\u8fd1\u603b\u662f\u7761\u4e0d\u7740\u89c9\u5fc3\u91cc\u5f88\u96be\u53d7\u4e0d\u77e5\u9053\u8be5\u548c\u8c01\u8bf4", ANSWERED, 0.0, 0.0, id="Chinese"),
        pytest.param("variety", ASKED, "so it goes " * 40, 0.0, 0.2, id="loop"),
        pytest.param("specificity", ASKED, "I am sorry that you feel this way, and I am here to listen.", 0.0, 0.0, id="stock"),
        pytest.param("fit", "Which paint lasts longest on a wooden fence near the coast?", "Linseed paint from the boatyard lasts a decade on timber fences.", 0.0, 0.0, id="paint"),
        pytest.param("naturalness", ASKED, "|--|--|--| 12 | 34 | 56 |", 0.0, 0.0, id="table"),
        pytest.param("naturalness", ASKED, "It\u00e2\u20ac\u2122s hard, isn\u00e2\u20ac\u2122t it", 0.0, 0.0, id="mojibake"),
        pytest.param("naturalness", ASKED, "so true \U0001f62d\U0001f62d\U0001f62d\U0001f62d\U0001f62d\U0001f62d \u2764\ufe0f", 1.0, 1.0, id="emoji"),
        pytest.param("naturalness", ASKED, "\u201cWell\u201d \u2013 that\u2019s a lot to carry for anybody\u2026", 0.9, 1.0, id="typographic"),
    ],
)  # fmt: skip
def test_a_score_at_its_ends(name, asked, answered, low, high):
    """One fault moves its own score to the end."""
    assert low <= scored(asked, answered)[name] <= high


def test_other_scripts_have_no_naturalness():
    """Letters are counted by Latin words, so that other scripts are the language's business."""
    hindi = "\u092e\u0941\u091d\u0947 \u0930\u093e\u0924 \u0915\u094b \u0928\u0940\u0902\u0926 " * 4
    assert "naturalness" not in scored(hindi, hindi)


def test_one_side_in_another_language_is_enough():
    """The language of a row is that of its worse side."""
    assert (
        scored(ASKED, "no puedo dormir por la noche desde hace meses y nadie me cree")["language"]
        == 0.0
    )


def test_one_therapeutic_word_counts_only_in_a_talk():
    """`craving` in a shop's answer is none; where I and you speak it is."""
    shop = "The bakery on the corner satisfies any craving with almond tarts, rye loaves and plum cake."
    impersonal = scored("Which bakery sells decent tarts downtown?", shop)
    personal = scored(
        "I left my almond cake in my office and my boss ate it at lunch.", "You had a craving and your boss ate your cake. Did you tell the bakery, the porter, your boss?"
    )  # fmt: skip
    assert impersonal["fit"] == 0.0
    assert personal["fit"] > 0.2


def test_coherence_needs_enough_content_on_both_sides():
    """Under 14 content words a side (geometric mean) nothing can be said."""
    assert "coherence" not in scored()
    asked = "orchard lawyer sister ladder apples wasps autumn barrel cider press neighbour fence lantern owl"
    other = "violin concert bow rosin stage curtain applause tenor score baton encore flute oboe trumpet"
    assert scored(asked, other)["coherence"] == 0.0
    assert scored(asked, asked)["coherence"] == 1.0


def test_shared_stock_words_are_no_coherence():
    """Words that any talk holds do not tell that a matter was taken up."""
    stock = "feel think want help time today person problem hard happen understand"
    asked = f"orchard lawyer ladder apples wasps autumn barrel cider press fence lantern owl fox hen {stock}"
    other = f"violin concert bow rosin stage curtain applause tenor score baton encore flute oboe cello {stock}"
    assert scored(asked, other)["coherence"] == 0.0


def test_forms_of_a_word_are_one():
    """A reply that says `betraying` takes up `betrayed`."""
    row = messages(("worries betrayed stopped", "worrying betraying stopping"))
    assert side(row, "user").stems == side(row, "assistant").stems


def test_only_the_window_is_read():
    """What stands past the first characters of a side changes nothing; what stands before does."""
    long = Message("assistant", "a quiet orchard " * (WINDOW // 16 + 1))
    told = [Message("user", ASKED), long, Message("assistant", "|--|" * 1000)]
    assert side(told, "assistant") == side([long], "assistant")
    assert len(side(told, "assistant").text) == WINDOW


def test_the_window_is_of_all_turns_together():
    """A side's later turns are read as far as the window reaches."""
    told = [Message("user", "one two"), Message("assistant", "three"), Message("user", "four")]
    assert side(told, "user").words == ["one", "two", "four"]


def test_scores_have_three_digits():
    """So that the row's bytes are the same wherever they were computed."""
    assert all(score == round(score, 3) for score in scored(ASKED, ANSWERED * 3).values())


def test_the_least_of_nothing_is_nothing():
    """A score of two sides that neither has is not there."""
    assert scores._least([None, None]) is None
