"""Families: what must stay on one side of the split."""

import json
import random

import msgspec
import pytest

from caretune import records
from caretune.corpus import families, grams, minhash, split
from caretune.corpus.families import Likeness, Search
from caretune.records import Client, Conversation, Message
from tests.fixtures.corpus import RAW, on_disk, read, source

SEARCH = Search(permutations=128, band=2, label="families 23")
LEAST = 0.3
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
def authored(tmp_path_factory) -> list[Conversation]:
    """All authored dialogues and concept notes."""
    names = ("dialogues", "concepts")
    folder = tmp_path_factory.mktemp("authored")
    return read([source(RAW / f"{name}.jsonl", name) for name in names], folder)


@pytest.fixture
def assign(tmp_path):
    """Give a function from rows to their families."""

    def run(rows: list[Conversation], least: float = LEAST, **changes: object) -> dict[str, str]:
        search = SEARCH._replace(**changes)
        return families.assign(on_disk(tmp_path, rows), least=least, search=search)

    return run


@pytest.fixture
def together(assign):
    """Give a function that tells whether two rows are one family."""

    def run(one: Conversation, two: Conversation) -> bool:
        found = assign([one, two])
        return found[one.id] == found[two.id]

    return run


@pytest.fixture
def compared(monkeypatch):
    """Count the pairs of which the exact similarity is asked."""
    pairs: list[tuple[int, int]] = []
    exact = Likeness.of

    def of(self: Likeness, first: int, second: int) -> float:
        pairs.append((first, second))
        return exact(self, first, second)

    monkeypatch.setattr(Likeness, "of", of)
    return pairs


def vocabulary_of(rows: list[Conversation]) -> list[str]:
    """Return the words that open the rows, sorted."""
    return sorted({word.decode() for row in rows for word in grams.words(row.messages[0].content)})


def test_authored_rows_are_935_families(authored, assign):
    """No two authored rows are taken for one another: 675 dialogues and 260 notes."""
    found = assign(authored)
    assert len(authored) == len(set(found.values())) == 935


def test_fifty_planted_twins_are_all_found(authored, assign):
    """With a tenth of the words changed, each of 50 twins is in its original's family."""
    originals = random.Random(5).sample(authored, 50)
    twins = [twin(original, vocabulary_of(authored)) for original in originals]
    found = assign([*authored, *twins])
    joined = [found[f"twin {original.id}"] == found[original.id] for original in originals]
    assert joined.count(True) == 50


def test_fifty_twins_in_another_source_end_in_one_split(authored, assign, tmp_path):
    """Through the door as chat rows, each of 50 twins is in the split of its original."""
    originals = random.Random(6).sample([row for row in authored if row.client is not None], 50)
    path = tmp_path / "chat.jsonl"
    turns = [msgspec.to_builtins(twin(row, vocabulary_of(authored)).messages) for row in originals]
    path.write_text("".join(json.dumps({"messages": said}) + "\n" for said in turns))
    twins = read([source(path, "chat")], tmp_path)
    found = assign([*authored, *twins])
    cut = split.cut(found, seed=23, train_rate=0.70, validation_rate=0.15)
    twin_of = {twin.messages[0].content: twin.id for twin in twins}
    homes = [
        (cut[row.id], cut[twin_of[said[0]["content"]]])
        for row, said in zip(originals, turns, strict=True)
    ]
    assert len(twins) == len(homes) == 50
    assert all(one == two for one, two in homes)
    assert len(set(homes)) == 3


def test_twins_can_be_missed(authored, assign):
    """The test above can fail: at similarity 0.9 hardly one of 50 twins is found."""
    twins = [twin(original, ["else", "other", "why"]) for original in authored[:50]]
    found = assign([*authored[:50], *twins], least=0.9)
    assert len(set(found.values())) > 90


def test_one_question_is_one_family(together):
    """Rows that open with the same words are one family, whatever follows."""
    assert together(
        row("a", OPENING, "What is it that you count?"),
        row("b", OPENING.upper() + "!", "That sounds lonely.", "it is", "Tell me of yesterday."),
    )


def test_a_greeting_is_no_question(together):
    """An opening of fewer than eight words is nobody's own."""
    assert not together(
        row("a", "hi, i need some help", "What brings you here?"),
        row("b", "Hi, I need some help", "Of course, tell me more of it."),
    )


def test_the_clients_words_alone_make_near_duplicates(together):
    """One story with other replies is one family although most words differ."""
    story = "and then my brother said that he will not come to the wedding after all"
    replies = [
        " ".join(f"word{n}" for n in range(start, start + 60)) for start in range(0, 240, 60)
    ]
    one = row("a", OPENING, replies[0], story, replies[1])
    two = row("b", OPENING.replace("four", "five"), replies[2], story, replies[3])
    whole = [grams.shingles(" ".join(m.content for m in r.messages)) for r in (one, two)]
    assert grams.similarity(*whole) < LEAST
    assert together(one, two)


def test_one_persona_is_one_family(together):
    """Two dialogues of the same authored client are one family; of two clients, two."""
    baker = Client("adult", "baker, new father")
    assert together(row("a", "one", "two", client=baker), row("b", "three", "four", client=baker))
    other = Client("teen", "baker, new father")
    assert not together(row("a", "one", "two", client=baker), row("b", "3", "4", client=other))


def test_a_child_is_of_its_parents_family(together):
    """An augmented row is in the family of the row it came from."""
    assert together(row("a", "one", "two"), row("b", "three", "four", parent="a"))


def test_one_author_is_not_one_family(together):
    """Two rows by one author are two families."""
    assert not together(row("a", "1", "2", person="p"), row("b", "3", "4", person="p"))


def test_links_reach_through_other_rows(assign):
    """By persona a to b, by parent b to c: one family, named by the smallest id."""
    baker = Client("adult", "baker")
    found = assign(
        [
            row("c", "one", "two", parent="b"),
            row("b", "three", "four", client=baker),
            row("a", "five", "six", client=baker),
            row("d", "seven", "eight"),
        ]
    )
    assert found == {"a": "a", "b": "a", "c": "a", "d": "d"}


def test_the_order_of_rows_does_not_matter(authored, assign):
    """Shuffled rows have the same families."""
    rows = [*authored[:60], *(twin(original, ["else", "why"]) for original in authored[:30])]
    found = assign(rows)
    random.Random(1).shuffle(rows)
    assert assign(rows) == found


def test_wider_bands_find_the_near_twins_too(authored, assign):
    """With three permutations a band, for many rows, 30 twins are found all the same."""
    rows = [*authored[:60], *(twin(original, ["else", "why"]) for original in authored[:30])]
    assert assign(rows, permutations=126, band=3) == assign(rows)


def test_shards_are_seen_one_by_one(authored, tmp_path, monkeypatch):
    """Families of rows in many shards are those of one shard; the count of rows done adds up."""
    rows = on_disk(tmp_path, authored[:60])
    whole = families.assign(rows, least=LEAST, search=SEARCH)
    monkeypatch.setattr("caretune.corpus.rows._SHARD_BYTES", 20_000)
    seen: list[int] = []
    assert families.assign(rows, least=LEAST, search=SEARCH, seen=seen.append) == whole
    assert len(seen) > 2
    assert sum(seen) == 60


def test_rows_without_words_are_families_of_their_own(assign):
    """Rows that say nothing have nothing in common."""
    assert assign([row("a", "?!", "..."), row("b", "?!", "...")]) == {"a": "a", "b": "b"}


def test_no_rows_have_no_families(assign):
    """Nothing in, nothing out."""
    assert assign([]) == {}


def test_the_same_words_are_one_family_without_a_search(assign, compared):
    """Rows of the same words are joined by their hash: 300 of them compare not one pair."""
    said = ("no words of mine will do", "then let us be still for a while")
    found = assign([row(f"{number:03}", *said) for number in range(300)])
    assert set(found.values()) == {"000"}
    assert compared == []


def test_many_near_copies_are_not_compared_pair_by_pair(assign, compared, monkeypatch):
    """10,000 rows that differ in one word are joined by 9,999 looks, not by 50 million."""
    gathered: list[int] = []
    candidates = minhash.candidates

    def counted(*given):
        for pairs in candidates(*given):
            gathered.append(len(pairs.first))
            yield pairs

    monkeypatch.setattr(minhash, "candidates", counted)
    tail = " ".join(f"word{number}" for number in range(30))
    found = assign([row(f"{n:05}", f"name{n} {tail}", "And since when?") for n in range(10_000)])
    assert set(found.values()) == {"00000"}
    assert len(compared) == 9_999
    assert sum(gathered) < 200_000


def test_the_search_leaves_no_text_behind(authored, assign):
    """Families are ids; no text of a row is in their names."""
    found = assign(authored[:3])
    assert {records.encode(name) for name in found.values()} <= {
        records.encode(r.id) for r in authored[:3]
    }


def test_a_system_message_joins_nothing(together):
    """Rows of one file share its system message, and are no family for that."""
    long = Message("system", " ".join(f"word{n}" for n in range(200)))
    rows = [
        row("a", OPENING, "What is it that you count?"),
        row("b", "my sister moved out in May and took the dog along", "That is a loss."),
    ]
    rows = [msgspec.structs.replace(r, messages=[long, *r.messages]) for r in rows]
    assert not together(*rows)
