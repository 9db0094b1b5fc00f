"""What texts are compared by: their words, and sets of three words in a row."""

import hashlib
import re

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"\w+")
_TYPOGRAPHIC = "\u2018\u2019\u201c\u201d\u2013\u2014\u2026\u00a0"
"""Marks that are no words, and the only letters beyond ASCII in most English text."""
_LOWER_OR_SPACE = bytes(
    ord(chr(code).lower()) if _WORD.match(chr(code)) else ord(" ") for code in range(128)
) + bytes(range(128, 256))
_FIRST, _SECOND = np.uint32(0x9E3779B1), np.uint32(0x85EBCA77)  # odd, unlike
_LENGTH = 3
_MOST_WORDS = 1 << 20


def words(text: str) -> list[bytes]:
    r"""Return the words (`\w+`) of a text without case and punctuation, as UTF-8."""
    if not text.isascii():
        for mark in _TYPOGRAPHIC:
            text = text.replace(mark, " ")
        if not text.isascii():
            return [word.encode() for word in _WORD.findall(text.casefold())]
    # Less than half the time of the pattern.
    return text.encode().translate(_LOWER_OR_SPACE).split()


def hashed(said: list[bytes]) -> NDArray[np.uint32]:
    """Return one hash a word, `(words,)`."""
    if len(_hashes) > _MOST_WORDS:
        _hashes.clear()
    return np.array(list(map(_hashes.__getitem__, said)), np.uint32)


def grams(hashes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Mix each three neighbouring hashes into one: `(words,) -> (words - 2,)`, at least one."""
    if 0 < len(hashes) < _LENGTH:
        hashes = np.concatenate([hashes, np.zeros(_LENGTH - len(hashes), np.uint32)])
    middle = hashes[1:-1]
    mixed: NDArray[np.uint32] = (middle ^ (middle >> np.uint32(15))) * _SECOND
    mixed += hashes[:-2] * _FIRST + hashes[2:]
    return mixed


def shingles(text: str) -> frozenset[int]:
    """Return the set of a text's word 3-grams, each as a 32-bit hash; fewer words make one."""
    return frozenset(grams(hashed(words(text))).tolist())


def similarity(first: frozenset[int], second: frozenset[int]) -> float:
    """Return the Jaccard similarity: 1.0 = the same word 3-grams, 0.0 = none in common."""
    shared = len(first & second)
    return shared / (len(first) + len(second) - shared) if shared else 0.0


class _Hashes(dict[bytes, int]):
    """Word -> hash; most words of a text have been seen before."""

    def __missing__(self, word: bytes) -> int:
        found = int.from_bytes(hashlib.blake2b(word, digest_size=4).digest(), "little")
        self[word] = found
        return found


_hashes = _Hashes()
