"""The words that quality is scored by: one stemmer, and the lists of words.yaml cut by it."""

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ruamel.yaml import YAML

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_ASCII_LETTERS = {
    code: chr(code) if chr(code).islower() or chr(code) == "'" else " " for code in range(128)
}
"""ASCII text is cut by a table and at spaces, which takes half the time of the pattern."""
_ENDINGS = ("ingly", "edly", "ness", "ing", "ies", "ied", "ed", "es", "ly", "s")
_NO_PLURAL = ("us", "ss")
_SAME = {"ies": "y", "ied": "y"}
_MARKS = (
    ("\u2019", "'"),
    ("\u2018", "'"),
    ("\u201c", '"'),
    ("\u201d", '"'),
    ("\u2013", "-"),
    ("\u2014", "-"),
    ("\u2026", "..."),
    ("\u00a0", " "),
)
_MIN_STEM = 3
_OTHER_WORDS = frozenset(["hell", "id", "ill", "shed", "shell", "wed"])
_CACHED_STEMS = 1 << 16
"""Enough for the vocabulary of a corpus; about 10 MB a process."""


class Words(NamedTuple):
    """The lists of words.yaml; function words as written, all others as stems."""

    function: frozenset[str]
    english: frozenset[str]
    """Function words that only English has."""
    common: frozenset[str]
    """Words and stems that any text may hold: no content."""
    fit: frozenset[str]
    """Stems of feelings, problems, counselling and psychology."""
    templates: tuple[str, ...]


def plain(text: str) -> str:
    """Return a text in small letters with typewriter marks for typographic ones."""
    low = text.lower()
    if not low.isascii():
        for mark, typed in _MARKS:
            low = low.replace(mark, typed)
    return low


def split(low: str) -> list[str]:
    """Return the words of a plain text; an apostrophe belongs to a word where it stands inside."""
    if not low.isascii():
        return _WORD.findall(low)
    spaced = f" {low.translate(_ASCII_LETTERS)} "
    if "'" in spaced:
        spaced = spaced.replace("''", "  ").replace("' ", "  ").replace(" '", "  ")
    return spaced.split()


def stem(word: str) -> str:
    """Return a word without its inflection: "worries", "worried" and "worrying" are one.

    A light version of Porter's step 1 (1980): endings alone, a doubled last consonant made single
    and a last e or y dropped. It need not give words, only the same letters for the same word.
    """
    word = word.removesuffix("'s")
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _MIN_STEM:
            if ending != "s" or not word.endswith(_NO_PLURAL):
                word = word[: -len(ending)] + _SAME.get(ending, "")
            break
    if len(word) > _MIN_STEM and word[-1] == word[-2]:
        word = word[:-1]
    return word[:-1] if len(word) > _MIN_STEM and word[-1] in "ey" else word


class _Stems(dict[str, str]):
    """Word -> stem, remembered; twice as quick as functools.lru_cache."""

    def __missing__(self, word: str) -> str:
        if len(self) >= _CACHED_STEMS:
            self.clear()
        found = self[word] = stem(word)
        return found


_stems = _Stems()


def stems(words: Iterable[str]) -> frozenset[str]:
    """Return the stems of words."""
    return frozenset(map(_stems.__getitem__, words))


@lru_cache(1)
def load() -> Words:
    """Read words.yaml, once a process."""
    table = YAML(typ="safe", pure=True).load(Path(__file__).with_name("words.yaml"))
    function = frozenset(table["function"].split())
    # People leave the apostrophe out; what is then another word is not meant.
    function |= {word.replace("'", "") for word in function} - _OTHER_WORDS
    therapeutic = " ".join([*table["problems"].values(), *table["fit"].values()])
    return Words(
        function=function,
        english=function - frozenset(table["shared"].split()),
        common=function | stems(function) | stems(table["common"].split()),
        fit=stems(therapeutic.split()),
        templates=tuple(table["templates"]),
    )
