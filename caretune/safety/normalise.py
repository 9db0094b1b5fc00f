"""One normal form for matching, with the way back to the original's code points.

Two views of a text: `plain` mends only its characters (NFKC, apostrophes, dashes, no zero-width
characters) and keeps what the writer wrote, for personal data; `folded` is lower-case ASCII without
accents and look-alike letters, and undoes elongation, leetspeak and spaced-out letters, for
everything else. An independent detector lost 19 triggers to U+2019 alone (docs/safety.md), so both
mend it.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

_APOSTROPHES = dict.fromkeys(map(ord, "\u2018\u2019\u201b\u02bc\u0060\u00b4\uff07"), "'")
_QUOTES = dict.fromkeys(map(ord, "\u201c\u201d\u201e\u00ab\u00bb"), '"')
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-")
# Zero-width characters, soft hyphen, word joiner, variation selectors and direction marks.
_INVISIBLE = dict.fromkeys(
    [0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, *range(0x200E, 0x2010), *range(0xFE00, 0xFE10)]
)
_TABLE = {**_APOSTROPHES, **_QUOTES, **_DASHES, **_INVISIBLE, 0xA0: " ", 0x09: " ", 0x0A: " "}

# Letters of other alphabets that look Latin (Unicode confusables, UTS 39), by the letter they pass for.
_LOOKALIKES = {
    "a": "\u0430\u03b1", "b": "\u0432\u03b2", "c": "\u0441", "d": "\u0501", "e": "\u0435\u03b5",
    "h": "\u04bb\u043d", "i": "\u0456\u03b9\u0131", "j": "\u0458", "k": "\u043a\u03ba", "l": "\u04cf",
    "m": "\u043c", "n": "\u03b7", "o": "\u043e\u03bf", "p": "\u0440\u03c1", "q": "\u051b", "s": "\u0455",
    "t": "\u0442\u03c4", "u": "\u03c5", "v": "\u03bd", "w": "\u051d\u03c9", "x": "\u0445\u03c7",
    "y": "\u0443\u03b3",
}  # fmt: skip
_LATIN = {seen: letter for letter, alike in _LOOKALIKES.items() for seen in alike}
# Any other letter: a letter still, and no word of any pattern.
_OTHER_LETTER = "x"

_ELONGATED = re.compile(r"([a-z])\1{2,}")
_DOUBLE_INSIDE = frozenset("eolstpf")
_DOUBLE_LAST = frozenset("ls")
_LEET = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i"}
_LEET_WORD = re.compile(
    r"(?<![\w@$!.])[a-z]{1,12}(?:[0134578@$!]{1,3}[a-z]{1,12}){1,4}(?![\w@.]*@|\w|\.\w)"
)
_SPACED = re.compile(r"(?<!\w)[a-z](?:[ .*_-][a-z]){3,40}(?!\w)")
_JOINED = re.compile(r"[ .*_-]")


class View(NamedTuple):
    """A text for matching; character i came from code points `starts[i]` up to `ends[i]`."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Map a span of this view to code points of the original (end exclusive)."""
        if start >= end:
            raise ValueError(f"empty span {start}..{end}")
        return self.starts[start], self.ends[end - 1]


class Normalised(NamedTuple):
    """Both views of one text."""

    plain: View
    folded: View


def normalise(text: str) -> Normalised:
    """Return the plain and the folded view of a text."""
    plain = _mend(text)
    return Normalised(plain, _fold(plain))


def _mend(text: str) -> View:
    if text.isascii() and "\n" not in text and "\t" not in text and "`" not in text:
        return View(text, range(len(text)), range(1, len(text) + 1))
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for index, character in enumerate(text):
        if unicodedata.combining(character) and pieces:
            composed = unicodedata.normalize("NFC", pieces[-1] + character)
            if len(composed) == 1:
                pieces[-1] = composed
            ends[-1] = index + 1
            continue
        mended = unicodedata.normalize("NFKC", character.translate(_TABLE)).translate(_TABLE)
        for part in mended:
            pieces.append(part)
            starts.append(index)
            ends.append(index + 1)
    return View("".join(pieces), starts, ends)


def _ascii(character: str) -> str:
    """Return the one lower-case ASCII character that stands for a character of the plain view."""
    low = character.lower()[:1]
    base = unicodedata.normalize("NFKD", low)[:1]
    if base.isascii():
        return base
    return _LATIN.get(base, _OTHER_LETTER if base.isalnum() else " ")


def _fold(plain: View) -> View:
    lowered = plain.text.lower()
    if not lowered.isascii():
        lowered = "".join(map(_ascii, plain.text))
    view = View(lowered, plain.starts, plain.ends)
    keep: list[tuple[int, str]] = []
    changed = False
    for pattern, shorten in ((_ELONGATED, _shorten), (_SPACED, _join), (_LEET_WORD, _unleet)):
        if not pattern.search(view.text):
            continue
        keep, position = [], 0
        for match in pattern.finditer(view.text):
            keep += enumerate(view.text[position : match.start()], position)
            keep += shorten(match)
            position = match.end()
        keep += enumerate(view.text[position:], position)
        view, changed = _rebuild(view, keep), True
    return view if changed else View(lowered, plain.starts, plain.ends)


def _rebuild(view: View, keep: list[tuple[int, str]]) -> View:
    """Take the kept characters; what was dropped belongs to the kept one before it."""
    indexes = [index for index, _ in keep]
    upto = [*indexes[1:], len(view.text)]
    return View(
        "".join(character for _, character in keep),
        [view.starts[index] for index in indexes],
        [
            view.ends[max(index, following - 1)]
            for index, following in zip(indexes, upto, strict=True)
        ],
    )


def _shorten(match: re.Match[str]) -> list[tuple[int, str]]:
    letter, start = match.group(1), match.start()
    following = match.string[match.end() : match.end() + 1]
    doubled = _DOUBLE_INSIDE if following.isalpha() else _DOUBLE_LAST
    kept = 2 if letter in doubled and start > 0 and match.string[start - 1].isalpha() else 1
    return [(start + offset, letter) for offset in range(kept)]


def _join(match: re.Match[str]) -> list[tuple[int, str]]:
    return [
        (match.start() + offset, character)
        for offset, character in enumerate(match.group())
        if not _JOINED.match(character)
    ]


def _unleet(match: re.Match[str]) -> list[tuple[int, str]]:
    return [
        (match.start() + offset, _LEET.get(character, character))
        for offset, character in enumerate(match.group())
    ]
