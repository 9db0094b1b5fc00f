"""Families: rows that must stay on one side of the split, because one gives the other away.

Two rows are of one family when they hold the same words, open with the same question, have the same
persona, come one from the other by augmentation, or are near-duplicates; and so on through others.
The author is no link: in counsel_chat it would join 2,123 of 2,129 answers.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
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
    """What rows are compared by: hashes of word 3-grams, and the rows that have them."""

    grams: NDArray[np.uint64]
    rows: list[Conversation]


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
    for row in rows:
        turns = [(message.role, _hashed(message.content)) for message in row.messages]
        every = [word for _, turn in turns for word in turn]
        client = [word for role, turn in turns for word in turn if role == "user"]
        for side, least in ((every, 1), (client, _MIN_WORDS)):
            if len(side) >= least:
                grams = _grams(side)
                name = hashlib.blake2b(grams.tobytes(), digest_size=16).digest()
                found.setdefault(name, View(grams, [])).rows.append(row)
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
    groups = _Groups(row.id for row in rows)
    seen: dict[tuple[str, str], str] = {}
    for row in rows:
        for link in _links(row):
            groups.join(row.id, seen.setdefault(link, row.id))
    compared = views(rows)
    for view in compared:
        for row in view.rows:
            groups.join(view.rows[0].id, row.id)
    checked: set[tuple[int, int]] = set()
    likely = least - minhash.slack(permutations)
    signed = minhash.signatures((view.grams for view in compared), permutations, f"families {seed}")
    for pairs in minhash.candidates(signed, BAND):
        kept = pairs.estimate >= likely
        for pair in zip(pairs.first[kept].tolist(), pairs.second[kept].tolist(), strict=True):
            one, two = compared[pair[0]], compared[pair[1]]
            first, second = one.rows[0].id, two.rows[0].id
            if pair in checked or groups.find(first) == groups.find(second):
                continue
            checked.add(pair)
            if likeness(one, two) >= least:
                groups.join(first, second)
    return {row.id: groups.find(row.id) for row in rows}


def _links(row: Conversation) -> Iterator[tuple[str, str]]:
    """Yield what a row shares to the letter with the rest of its family."""
    yield "row", row.parent or row.id
    opening = next((words(m.content) for m in row.messages if m.role == "user"), [])
    if len(opening) >= _MIN_WORDS:
        yield "opening", " ".join(opening)
    if row.client is not None and row.client.background:
        yield "persona", " ".join(words(f"{row.client.age_band} {row.client.background}"))


class _Groups:
    """Union-find over row ids; the smallest id of a group stands for it."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._parent = {name: name for name in ids}

    def find(self, name: str) -> str:
        while self._parent[name] != name:
            self._parent[name] = self._parent[self._parent[name]]
            name = self._parent[name]
        return name

    def join(self, one: str, two: str) -> None:
        one, two = self.find(one), self.find(two)
        self._parent[max(one, two)] = min(one, two)


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
