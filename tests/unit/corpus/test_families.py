"""Families: what must stay on one side of the split."""

import random

import msgspec
import pytest

from caretune import records
from caretune.corpus import families
from caretune.records import Client, Conversation, Message
from tests.fixtures.corpus import RAW, door, source

SETTINGS = {"least": 0.3, "permutations": 128, "seed": 23}
OPENING = "since the move I wake at four and cannot stop counting what could go wrong"


def row(name: str, *turns: str, **fields: object) -> Conversation:
    """Build a row whose turns alternate from the user."""
    roles = ("user", "assistant")
    messages = [Message(roles[n % 2], turn) for n, turn in enumerate(turns)]
    return Conversation(id=name, source="s", license="x", messages=messages, **fields)


def twin(original: Conversation, vocabulary: list[str]) -> Conversation:
    """Copy a row without its persona, each of its words changed with probability 0.1."""
    generator = random.Random(original.id)
    messages = []
    for message in original.messages:
        changed = [
            generator.choice(vocabulary) if generator.random() < 0.1 else word
            for word in message.content.split()
        ]
        messages.append(msgspec.structs.replace(message, content=" ".join(changed)))
    return msgspec.structs.replace(
        original, id=f"twin {original.id}", messages=messages, client=None
    )


@pytest.fixture(scope="module")
def authored() -> list[Conversation]:
    """All authored dialogues and concept notes."""
    names = ("dialogues", "concepts")
    return list(door().rows([source(RAW / f"{name}.jsonl", name) for name in names]))


def together(one: Conversation, two: Conversation) -> bool:
    """Tell whether two rows are one family."""
    found = families.assign([one, two], **SETTINGS)
    return found[one.id] == found[two.id]


def test_similarity_of_equal_and_of_disjoint_texts():
    """1.0 for the same words whatever case and punctuation, 0.0 for none in common."""
    one = families.shingles("I lie awake, every night.")
    assert families.similarity(one, families.shingles("i lie AWAKE every night")) == 1.0
    assert families.similarity(one, families.shingles("you sleep well in the morning")) == 0.0


def test_similarity_is_jaccard_of_word_3_grams():
    """Five words have three 3-grams; with the last word changed, two of four are shared."""
    one, two = families.shingles("a b c d e"), families.shingles("a b c d f")
    assert len(one) == 3
    assert families.similarity(one, two) == 2 / 4


def test_texts_without_words_are_like_nothing():
    """A text of no words has no similarity, not even with itself."""
    assert families.shingles("... !") == frozenset()
    assert families.similarity(frozenset(), frozenset()) == 0.0
    assert len(families.shingles("no")) == 1


def test_authored_rows_are_935_families(authored):
    """No two authored rows are taken for one another: 675 dialogues and 260 notes."""
    found = families.assign(authored, **SETTINGS)
    assert len(authored) == len(set(found.values())) == 935


def test_fifty_planted_twins_are_all_found(authored):
    """With a tenth of the words changed, each of 50 twins is in its original's family."""
    vocabulary = sorted({word for r in authored for word in families.words(r.messages[0].content)})
    originals = random.Random(5).sample(authored, 50)
    twins = [twin(original, vocabulary) for original in originals]
    found = families.assign([*authored, *twins], **SETTINGS)
    joined = [found[f"twin {original.id}"] == found[original.id] for original in originals]
    assert joined.count(True) == 50


def test_twins_can_be_missed(authored):
    """The test above can fail: at similarity 0.9 hardly one of 50 twins is found."""
    twins = [twin(original, ["else", "other", "why"]) for original in authored[:50]]
    found = families.assign([*authored[:50], *twins], **{**SETTINGS, "least": 0.9})
    assert len(set(found.values())) > 90


def test_one_question_is_one_family():
    """Rows that open with the same words are one family, whatever follows."""
    assert together(
        row("a", OPENING, "What is it that you count?"),
        row("b", OPENING.upper() + "!", "That sounds lonely.", "it is", "Tell me of yesterday."),
    )


def test_a_greeting_is_no_question():
    """An opening of fewer than eight words is nobody's own."""
    assert not together(
        row("a", "hi, i need some help", "What brings you here?"),
        row("b", "Hi, I need some help", "Of course, tell me more of it."),
    )


def test_the_clients_words_alone_make_near_duplicates():
    """One story with other replies is one family although most words differ."""
    story = "and then my brother said that he will not come to the wedding after all"
    replies = [
        " ".join(f"word{n}" for n in range(start, start + 60)) for start in range(0, 240, 60)
    ]
    one = row("a", OPENING, replies[0], story, replies[1])
    two = row("b", OPENING.replace("four", "five"), replies[2], story, replies[3])
    whole = [families.shingles(" ".join(m.content for m in r.messages)) for r in (one, two)]
    assert families.similarity(*whole) < SETTINGS["least"]
    assert together(one, two)


def test_one_persona_is_one_family():
    """Two dialogues of the same authored client are one family; of two clients, two."""
    baker = Client("adult", "baker, new father")
    assert together(row("a", "one", "two", client=baker), row("b", "three", "four", client=baker))
    other = Client("teen", "baker, new father")
    assert not together(row("a", "one", "two", client=baker), row("b", "3", "4", client=other))


def test_a_child_is_of_its_parents_family():
    """An augmented row is in the family of the row it came from."""
    assert together(row("a", "one", "two"), row("b", "three", "four", parent="a"))


def test_one_author_is_not_one_family():
    """Two rows by one author are two families."""
    assert not together(row("a", "1", "2", person="p"), row("b", "3", "4", person="p"))


def test_links_reach_through_other_rows():
    """By persona a to b, by parent b to c: one family, named by the smallest id."""
    baker = Client("adult", "baker")
    found = families.assign(
        [
            row("c", "one", "two", parent="b"),
            row("b", "three", "four", client=baker),
            row("a", "five", "six", client=baker),
            row("d", "seven", "eight"),
        ],
        **SETTINGS,
    )
    assert found == {"a": "a", "b": "a", "c": "a", "d": "d"}


def test_the_order_of_rows_does_not_matter(authored):
    """Shuffled rows have the same families."""
    rows = [*authored[:60], *(twin(original, ["else", "why"]) for original in authored[:30])]
    found = families.assign(rows, **SETTINGS)
    random.Random(1).shuffle(rows)
    assert families.assign(rows, **SETTINGS) == found


def test_the_search_leaves_no_text_behind(authored):
    """Families are ids; no text of a row is in their names."""
    found = families.assign(authored[:3], **SETTINGS)
    assert {records.encode(name) for name in found.values()} <= {
        records.encode(r.id) for r in authored[:3]
    }
