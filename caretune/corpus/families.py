"""Families: rows that must stay on one side of the split, because one gives the other away.

Two rows are of one family when they hold the same words, open with the same question, have the same
persona, come one from the other by augmentation, or are near-duplicates; and so on through others.
The author is no link: in counsel_chat it would join 2,123 of 2,129 answers.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from caretune.corpus import grams, minhash, pool
from caretune.corpus.minhash import Pairs, Permutations
from caretune.corpus.rows import Rows, Shard
from caretune.records import Conversation

_MIN_WORDS = 8
"""A shorter opening or client's side ("hi, i need help") is nobody's own and links nothing."""
_ALL, _CLIENT = 0, 1


class Search(NamedTuple):
    """How near-duplicates are looked for."""

    permutations: int
    """MinHash permutations; a multiple of `band`."""
    band: int
    """Permutations a band: 2 finds more of the faint likenesses, 3 is far quicker on many rows."""
    label: str
    """Chooses the permutations."""


def searching(permutations: int, band: int, seed: int) -> Search:
    """Return the search that finds the families of a split with this seed."""
    return Search(permutations, band, f"families {seed}")


class Views(NamedTuple):
    """What rows are compared by: all their words, and the client's where they are enough.

    The client's words find rows in which one person's story gets other replies.
    """

    row: NDArray[np.int64]
    """Position of its row, `(views,)`."""
    side: NDArray[np.uint8]
    """0 = all words, 1 = the client's, `(views,)`."""
    name: NDArray[np.uint64]
    """Hash of its 3-grams: equal = the same words, `(views,)`."""
    signed: NDArray[np.uint16]
    """Signatures `(views, permutations)`."""
    links: NDArray[np.uint64]
    """What a row shares to the letter with the rest of its family, and its position, `(links, 2)`."""
    ids: list[str]
    """Row ids, by position."""


def views(rows: Rows, search: Search, seen: Callable[[int], object] = lambda _: None) -> Views:
    """Compare all rows by what they say; `seen` is told how many rows more are done."""
    count = len(rows)
    # Room for two views a row is taken once: joining pieces at the end would take it twice.
    row, side = np.zeros(2 * count, np.int64), np.zeros(2 * count, np.uint8)
    name = np.zeros(2 * count, np.uint64)
    signed = np.zeros((2 * count, search.permutations), np.uint16)
    links, ids, end = [np.zeros((0, 2), np.uint64)], [], 0
    for part in pool.run(partial(_viewer, search), rows.shards()):
        start, end = end, end + len(part.row)
        row[start:end], side[start:end], name[start:end] = part.row, part.side, part.name
        signed[start:end] = part.signed
        links.append(part.links)
        ids += part.ids
        seen(len(part.ids))
    return Views(row[:end], side[:end], name[:end], signed[:end], np.concatenate(links), ids)


def assign(
    rows: Rows, *, least: float, search: Search, seen: Callable[[int], object] = lambda _: None
) -> dict[str, str]:
    """Return row id -> family; a family is named by the smallest id in it.

    Args:
        rows: All rows to be split.
        least: Rows of at least this similarity (0..1) are near-duplicates.
        search: How they are looked for.
        seen: Told how many rows more are done.
    """
    found = views(rows, search, seen)
    groups = _Groups(len(rows))
    groups.join_equal(found.name, found.row)
    groups.join_equal(found.links[:, 0], found.links[:, 1].astype(np.int64))
    likely = minhash.least_estimate(least, search.permutations)
    likeness = Likeness(rows, found)
    checked: set[tuple[int, int]] = set()

    def group(views: NDArray[np.int64]) -> NDArray[np.int64]:
        return groups.roots()[found.row[views]]

    for first, second in _likely(minhash.candidates(found.signed, search.band, group), likely):
        one, two = int(found.row[first]), int(found.row[second])
        if (first, second) in checked or groups.find(one) == groups.find(two):
            continue
        checked.add((first, second))
        if likeness.of(first, second) >= least:
            groups.join(one, two)
    return _named(found.ids, groups.roots())


class Likeness:
    """The exact similarity of two views, read from their rows again."""

    def __init__(self, rows: Rows, compared: Views) -> None:
        self._rows, self._compared = rows, compared
        self._grams = lru_cache(maxsize=4096)(self._read)

    def of(self, first: int, second: int) -> float:
        """Return the similarity of the word 3-grams: 1.0 = the same, 0.0 = none in common."""
        return grams.similarity(self._grams(first), self._grams(second))

    def _read(self, view: int) -> frozenset[int]:
        row = self._rows[int(self._compared.row[view])]
        sides = _sides(row)
        return frozenset(grams.grams(sides[int(self._compared.side[view])]).tolist())


def _likely(found: Iterable[Pairs], least: float) -> Iterator[tuple[int, int]]:
    """Yield the pairs whose estimate is at least so high."""
    for pairs in found:
        kept = pairs.estimate >= least
        yield from zip(pairs.first[kept].tolist(), pairs.second[kept].tolist(), strict=True)


def _viewer(search: Search) -> Callable[[Shard], Views]:
    permutations = Permutations(search.permutations, search.label)
    return partial(_view, permutations)


def _view(permutations: Permutations, shard: Shard) -> Views:
    row: list[int] = []
    side: list[int] = []
    name: list[int] = []
    signed, links, ids = [], [], []
    for position, conversation in enumerate(shard.rows(), start=shard.position):
        ids.append(conversation.id)
        links += [(link, position) for link in _links(conversation)]
        for number, hashes in _sides(conversation).items():
            made = grams.grams(hashes)
            row.append(position)
            side.append(number)
            name.append(_hash(made.tobytes()))
            signed.append(permutations.sign(made))
    return Views(
        np.array(row, np.int64),
        np.array(side, np.uint8),
        np.array(name, np.uint64),
        np.array(signed, np.uint16).reshape(len(row), permutations.count),
        np.array(links, np.uint64).reshape(-1, 2),
        ids,
    )


def _sides(row: Conversation) -> dict[int, NDArray[np.uint32]]:
    """Return the word hashes of each side that is compared."""
    # A system message is of the file, not of the dialogue: the same one stands in every row.
    spoken = [message for message in row.messages if message.role != "system"]
    turns = [grams.words(message.content) for message in spoken]
    every = grams.hashed([word for turn in turns for word in turn])
    ends = np.cumsum([len(turn) for turn in turns])
    client = np.zeros(len(every), np.bool_)
    for turn, end, message in zip(turns, ends, spoken, strict=True):
        client[end - len(turn) : end] = message.role == "user"
    said = every[client]
    sides = {_ALL: every} if len(every) else {}
    return sides | ({_CLIENT: said} if len(said) >= _MIN_WORDS else {})


def _links(row: Conversation) -> Iterator[int]:
    """Yield what a row shares to the letter with the rest of its family, as hashes."""
    opening = next((m.content for m in row.messages if m.role == "user"), "")
    said = grams.words(opening)
    if len(said) >= _MIN_WORDS:
        yield _hash(b"opening " + b" ".join(said))
    if row.client is not None and row.client.background:
        persona = grams.words(f"{row.client.age_band} {row.client.background}")
        yield _hash(b"persona " + b" ".join(persona))
    yield _hash(b"row " + (row.parent or row.id).encode())


def _named(ids: list[str], roots: NDArray[np.int64]) -> dict[str, str]:
    least: dict[int, str] = {}
    for name, root in zip(ids, roots.tolist(), strict=True):
        if root not in least or name < least[root]:
            least[root] = name
    return {name: least[root] for name, root in zip(ids, roots.tolist(), strict=True)}


def _hash(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


class _Groups:
    """Union-find over positions; the smallest position of a group stands for it."""

    def __init__(self, count: int) -> None:
        self._parent = np.arange(count)
        self._flat = True

    def find(self, at: int) -> int:
        parent = self._parent
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = int(parent[at])
        return at

    def join(self, one: int, two: int) -> None:
        one, two = self.find(one), self.find(two)
        self._parent[max(one, two)] = min(one, two)
        self._flat = False

    def join_equal(self, keys: NDArray[np.uint64], positions: NDArray[np.int64]) -> None:
        """Join all positions that have a key in common."""
        order = np.argsort(keys)
        ranked, placed = keys[order], positions[order]
        same = np.flatnonzero(ranked[1:] == ranked[:-1])
        for at in same.tolist():
            self.join(int(placed[at]), int(placed[at + 1]))

    def roots(self) -> NDArray[np.int64]:
        """Return the smallest position of each position's group."""
        while not self._flat:
            higher = self._parent[self._parent]
            self._flat = bool((higher == self._parent).all())
            self._parent = higher
        return self._parent
