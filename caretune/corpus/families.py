"""Families: rows that must stay on one side of the split, because one gives the other away.

Two rows are of one family when they hold the same words, open with the same question, have the same
persona, come one from the other by augmentation, or are near-duplicates; and so on through others.
The author is no link: in counsel_chat it would join 2,123 of 2,129 answers.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from caretune.corpus import minhash
from caretune.records import Conversation

BAND = 2
"""Permutations a band in the search for families."""

_WORD = re.compile(r"\w+")
_FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)  # odd, unlike
_SHINGLE_WORDS = 3
_MIN_WORDS = 8
"""A shorter opening or client's side ("hi, i need help") is nobody's own and links nothing."""


class View(NamedTuple):
    """What rows are compared by: hashes of word 3-grams, and the rows (positions) that have them."""

    grams: NDArray[np.uint64]
    rows: list[int]


def words(text: str) -> list[str]:
    """Return the words of a text without case and punctuation."""
    return _WORD.findall(text.casefold())


def shingles(text: str) -> frozenset[int]:
    """Return the set of a text's word 3-grams, each as a 64-bit hash; fewer words make one."""
    return frozenset(_grams(_hashed(text)).tolist())


def similarity(first: frozenset[int], second: frozenset[int]) -> float:
    """Return the Jaccard similarity: 1.0 = the same word 3-grams, 0.0 = none in common."""
    shared = len(first & second)
    return shared / (len(first) + len(second) - shared) if shared else 0.0


def views(rows: Sequence[Conversation]) -> list[View]:
    """Return what rows are compared by: all their words, and the client's where they are enough.

    The client's words find rows in which one person's story gets other replies. Rows with the same
    words share a view.
    """
    found: dict[bytes, View] = {}
    for position, row in enumerate(rows):
        turns = [(message.role, _hashed(message.content)) for message in row.messages]
        every = [word for _, turn in turns for word in turn]
        client = [word for role, turn in turns for word in turn if role == "user"]
        for side, least in ((every, 1), (client, _MIN_WORDS)):
            if len(side) >= least:
                grams = _grams(side)
                name = hashlib.blake2b(grams.tobytes(), digest_size=16).digest()
                found.setdefault(name, View(grams, [])).rows.append(position)
    return list(found.values())


def likeness(one: View, two: View) -> float:
    """Return the similarity of two views, exactly: 1.0 = the same word 3-grams, 0.0 = none."""
    return similarity(frozenset(one.grams.tolist()), frozenset(two.grams.tolist()))


def assign(
    rows: Sequence[Conversation], *, least: float, permutations: int, seed: int
) -> dict[str, str]:
    """Return row id -> family; a family is named by the smallest id in it.

    Args:
        rows: All rows to be split.
        least: Rows of at least this similarity (0..1) are near-duplicates.
        permutations: MinHash permutations.
        seed: Chooses the permutations.
    """
    groups = _Groups(len(rows))
    seen: dict[tuple[str, str], int] = {}
    for position, row in enumerate(rows):
        for link in _links(row):
            groups.join(position, seen.setdefault(link, position))
    compared = views(rows)
    for view in compared:
        for position in view.rows:
            groups.join(view.rows[0], position)
    _join_near(groups, compared, least=least, permutations=permutations, seed=seed)
    return groups.names([row.id for row in rows])


def _links(row: Conversation) -> Iterator[tuple[str, str]]:
    """Yield what a row shares to the letter with the rest of its family."""
    yield "row", row.parent or row.id
    opening = next((words(m.content) for m in row.messages if m.role == "user"), [])
    if len(opening) >= _MIN_WORDS:
        yield "opening", " ".join(opening)
    if row.client is not None and row.client.background:
        yield "persona", " ".join(words(f"{row.client.age_band} {row.client.background}"))


def _join_near(
    groups: "_Groups", compared: Sequence[View], *, least: float, permutations: int, seed: int
) -> None:
    checked: set[tuple[int, int]] = set()
    likely = least - minhash.slack(permutations)
    signed = minhash.signatures((view.grams for view in compared), permutations, f"families {seed}")
    for pairs in minhash.candidates(signed, BAND):
        kept = pairs.estimate >= likely
        for pair in zip(pairs.first[kept].tolist(), pairs.second[kept].tolist(), strict=True):
            one, two = (compared[view] for view in pair)
            if pair in checked or groups.find(one.rows[0]) == groups.find(two.rows[0]):
                continue
            checked.add(pair)
            if likeness(one, two) >= least:
                groups.join(one.rows[0], two.rows[0])


class _Groups:
    """Union-find over positions."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def find(self, position: int) -> int:
        while self._parent[position] != position:
            self._parent[position] = self._parent[self._parent[position]]
            position = self._parent[position]
        return position

    def join(self, one: int, two: int) -> None:
        one, two = self.find(one), self.find(two)
        self._parent[max(one, two)] = min(one, two)

    def names(self, ids: Sequence[str]) -> dict[str, str]:
        smallest: dict[int, str] = {}
        for position, name in enumerate(ids):
            root = self.find(position)
            smallest[root] = min(name, smallest.get(root, name))
        return {name: smallest[self.find(position)] for position, name in enumerate(ids)}


def _hashed(text: str) -> list[int]:
    return [_word_hash(word) for word in words(text)]


def _grams(hashed: list[int]) -> NDArray[np.uint64]:
    """Mix each three neighbouring word hashes into one: `(words,) -> (words - 2,)`, at least one."""
    padded = hashed + [0] * (_SHINGLE_WORDS - len(hashed)) if hashed else []
    array = np.array(padded, dtype=np.uint64)
    return array[:-2] * _FIRST + array[1:-1] * _SECOND + array[2:]


@lru_cache(maxsize=1 << 18)
def _word_hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
