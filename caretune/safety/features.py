"""One hashed feature pass a message: word 1- and 2-grams, character 2- to 5-grams, pattern names.

Everything is hashed into `2 ** bits` places, so that no vocabulary is stored; the blocks are scaled
to unit length apart, so that a long text does not drown its patterns. Words keep their stopwords:
"i", "my", "not" tell whose risk it is. The words of a reply's context are a block of their own.
"""

import re
import zlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from caretune.safety.scan import Hit

_WORD = re.compile(r"[a-z0-9']+|[?!]")
_CHAR_SIZES = (2, 3, 4, 5)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_HIGH_BITS = np.uint64(40)
_WORDS_SALT, _CONTEXT_SALT = np.uint64(0x77), np.uint64(0x78)
_SPACE = np.uint64(32)
_BLOCKS = 4
# About three words; the labelled messages' median is 32 and 67. At 28 and 58, public short crisis
# messages were found 11 points less often; see `scale`.
_MIN_LENGTHS = np.array([10.0, 20.0, 2.0, 8.0])
CONTEXT_BLOCK = 3
"""The block of a context's words in a row."""
# Patterns of 0.7: on the crisis messages more costs (AUC .828 at 0.5, .820 at 1), on toxicity it pays.
_BLOCK_WEIGHTS = np.array([1.0, 1.0, 0.7, 0.3], dtype=np.float32)

Places = NDArray[np.int64]
Values = NDArray[np.float32]


class Row(NamedTuple):
    """A sparse feature row; the places of a block are distinct and ascend.

    places (n,) int64, counts (n,) float32 as 1 + log(count), block (n,) int64: 0 words,
    1 characters, 2 patterns, 3 context.
    """

    places: Places
    counts: Values
    block: Places


def row(text: str, patterns: Iterable[str], bits: int, context: str = "") -> Row:
    """Hash one folded text with the names of its patterns, and the folded text it answers."""
    mask = (1 << bits) - 1
    words = _WORD.findall(text)
    blocks = (
        _grams(words, _WORDS_SALT, mask),
        _characters(words, mask),
        _count(_hashes([f"p{name}" for name in set(patterns)]), mask),
        _grams(_WORD.findall(context), _CONTEXT_SALT, mask),
    )
    return Row(
        np.concatenate([places for places, _ in blocks]),
        np.concatenate([counts for _, counts in blocks]),
        np.repeat(np.arange(_BLOCKS), [len(places) for places, _ in blocks]),
    )


def _hashes(names: list[str]) -> NDArray[np.uint64]:
    return np.array([zlib.crc32(name.encode()) for name in names], dtype=np.uint64)


def _grams(words: list[str], salt: np.uint64, mask: int) -> tuple[Places, Values]:
    """Hash the words and each two in a row; the salt keeps a context's words apart."""
    ones = (_hashes(words) ^ salt) * _MULTIPLIER  # (words,)
    twos = (ones[:-1] * _MULTIPLIER) ^ ones[1:]  # (words - 1,)
    return _count(np.concatenate([ones, twos * _MULTIPLIER]) >> _HIGH_BITS, mask)


def _characters(words: list[str], mask: int) -> tuple[Places, Values]:
    """Hash the n-grams inside `_word_`, vectorised over the code points."""
    text = f" {'  '.join(words)} "
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)  # (n,)
    pairs = (codes[:-1] != _SPACE) | (codes[1:] != _SPACE)  # (n - 1,) two spaces part two words
    hashes, alive, found = codes, np.ones(len(codes), dtype=bool), []
    for size in range(2, _CHAR_SIZES[-1] + 1):
        hashes = (hashes[:-1] * _MULTIPLIER) ^ codes[size - 1 :]
        alive = alive[:-1] & pairs[size - 2 :]
        found.append((hashes[alive] * _MULTIPLIER) >> _HIGH_BITS)
    return _count(np.concatenate(found), mask)


def _count(hashes: NDArray[np.uint64], mask: int) -> tuple[Places, Values]:
    places, counts = np.unique((hashes & np.uint64(mask)).astype(np.int64), return_counts=True)
    return places, (1 + np.log(counts)).astype(np.float32)


def told(hits: Iterable[Hit]) -> list[str]:
    """Return the patterns that are features: all but bare identities, which innocent texts share.

    With them the bias head fell from AUC .84 to .81 in grouped cross-validation.
    """
    return [hit.pattern.name for hit in hits if hit.pattern.component != "identity"]


def scale(found: Row, idf: Values) -> Values:
    """Return idf-weighted counts, each block of its weight's length at most; (n,) float32.

    A block of a word or two keeps its small length, since of so little no head should be sure.

    Args:
        found: The row.
        idf: Inverse document frequency of each of its places; 0 for a place never trained.
    """
    values = found.counts * idf
    lengths = np.sqrt(np.bincount(found.block, values * values, minlength=_BLOCKS))  # (4,)
    lengths = np.maximum(lengths, _MIN_LENGTHS)
    return np.asarray(values * (_BLOCK_WEIGHTS / lengths)[found.block], dtype=np.float32)
