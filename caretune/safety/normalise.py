"""One normal form for matching, with the way back to the original's code points.

Two views of a text: `plain` mends only its characters (NFKC, apostrophes, dashes, no zero-width
characters) and keeps what the writer wrote, for personal data; `folded` is lower-case ASCII without
accents and look-alike letters, with its disguises undone (disguise.py), for everything
else. An independent detector lost 19 triggers to U+2019 alone (docs/safety.md), so both mend it.
"""

import functools
import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from caretune.safety import disguise
from caretune.safety.disguise import Reading

_APOSTROPHES = dict.fromkeys(
    map(
        ord, "\u2018\u2019\u201a\u201b\u02b9\u02bb\u02bc\u02bd\u2032\u2035\u055a\u0060\u00b4\uff07"
    ),
    "'",
)
_QUOTES = dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb"), '"')
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-")
_SPACES = dict.fromkeys([*range(0x09, 0x0E), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000], " ")  # fmt: skip
# One character for another: text with no other strange ones needs no pass over its characters.
_SINGLE = {**_APOSTROPHES, **_QUOTES, **_DASHES, **_SPACES}
# Control characters, soft hyphen, joiners, fillers, direction marks, variation selectors, tags.
_INVISIBLE = dict.fromkeys(
    [*range(0x09), *range(0x0E, 0x20), *range(0x7F, 0x85), *range(0x86, 0xA0), 0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5,
     0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164, 0xFEFF, 0xFFA0,
     *range(0xFE00, 0xFE10), *range(0x20DD, 0x20E5), 0x488, 0x489, *range(0xE0000, 0xE0080), *range(0xE0100, 0xE01F0)]
)  # fmt: skip
_TABLE: dict[int, str | None] = {**_SINGLE, **_INVISIBLE}
# An HTML entity is one unit, and so is a run of characters that stand for themselves.
_UNIT = re.compile(
    r"(?P<entity>&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,31});)|(?P<plain>[ -%'-_a-~]+)|(?s:.)"
)
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")

# Letters that look Latin (Unicode confusables, UTS 39), by the letter they pass for: Cyrillic, Greek,
# Armenian, Cherokee, barred and small-capital Latin.
_LOOKALIKES = {
    "a": "\u0430\u03b1\u0251\u1d00\u2c65", "b": "\u0432\u03b2\u0184\u0185\u044c\u0180\u0253\u0299", "c": "\u0441\u03f2\u1d04\u0188\u023c",
    "d": "\u0501\u0111\u0256\u0257\u1d05\u0221", "e": "\u0435\u03b5\u0454\u0247\u025b\u1d07\u04bd\u01dd\u0259", "f": "\u0192\u03dd\ua730\u0584",
    "g": "\u0261\u0581\u050d\u0262\u0260\u01e5", "h": "\u04bb\u043d\u0570\u0127\u029c\u0266\u0265", "i": "\u0456\u03b9\u0131\u026a\u0268\u0269\u04c0",
    "j": "\u0458\u03f3\u0575\u1d0a\u0249", "k": "\u043a\u03ba\u049b\u1d0b\u0199\u049f\u04c4", "l": "\u04cf\u0142\u029f\u0269\u01c0\u026b\u019a\u026d\u217c",
    "m": "\u043c\u1d0d\u0271", "n": "\u03b7\u0578\u057c\u0274\u0272\u0273\u014b\u043f", "o": "\u043e\u03bf\u0585\u00f8\u1d0f\u0275\u03c3\u0473\u04e9",
    "p": "\u0440\u03c1\u1d18\u01a5\u03f1\u00fe", "q": "\u051b\u0566\u02a0", "r": "\u0433\u0280\u027c\u027d\u024d\u1d26", "s": "\u0455\u0282\ua731\u01bd\u00df",
    "t": "\u0442\u03c4\u0167\u1d1b\u01ad\u0288", "u": "\u03c5\u057d\u1d1c\u0289\u028b\u00b5\u03bc", "v": "\u03bd\u0475\u1d20", "w": "\u051d\u03c9\u0461\u1d21\u026f\u0448\u0561",
    "x": "\u0445\u03c7", "y": "\u0443\u03b3\u04af\u028f\u01b4\u024f", "z": "\u0290\u1d22\u01b6\u0225\u0240",
}  # fmt: skip
_LATIN = {seen: letter for letter, alike in _LOOKALIKES.items() for seen in alike}
# Letters in white on black, and those that flags are made of, have no compatibility form.
_LATIN |= {
    chr(first + number): chr(ord("a") + number)
    for first in (0x1F150, 0x1F170, 0x1F1E6)
    for number in range(26)
}
# Any other letter: a letter still, and no word of any pattern.
_OTHER_LETTER = "x"
_MANY_SPACES = re.compile(r" {2,}")


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
    single = text if text.isascii() and text.isprintable() else text.translate(_SINGLE)
    single = single.replace("`", "'")
    if single.isascii() and single.isprintable() and "&" not in single:
        return View(single, range(len(text)), range(1, len(text) + 1))
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for unit in _UNIT.finditer(text):
        (start, end), characters = unit.span(), unit.group()
        if unit.lastgroup == "plain":
            pieces += characters
            starts += range(start, end)
            ends += range(start + 1, end + 1)
            continue
        for character in html.unescape(characters) if unit.lastgroup == "entity" else characters:
            if unicodedata.combining(character) and pieces:
                composed = unicodedata.normalize("NFC", pieces[-1] + character)
                if len(composed) == 1:
                    pieces[-1] = composed
                ends[-1] = end
                continue
            mended = _mended(character)
            pieces += mended
            starts += [start] * len(mended)
            ends += [end] * len(mended)
    return View("".join(pieces), starts, ends)


def _mended(character: str) -> str:
    return unicodedata.normalize("NFKC", character.translate(_TABLE)).translate(_TABLE)


@functools.lru_cache(maxsize=4096)
def _ascii(character: str) -> str:
    """Return the one lower-case ASCII character that stands for a character of the plain view."""
    low = character.lower()[:1]
    base = unicodedata.normalize("NFKD", low)[:1]
    if base.isascii():
        return base
    return _LATIN.get(base, _OTHER_LETTER if base.isalnum() else disguise.FOREIGN)


def _fold(plain: View) -> View:
    lowered = plain.text.lower()
    if not lowered.isascii():
        lowered = _NOT_ASCII.sub(lambda found: _ascii(found.group()), plain.text).lower()
    view = _undisguised(View(lowered, plain.starts, plain.ends))
    # An underscore is a letter to a pattern, and parts words to a reader.
    text = view.text.replace(disguise.FOREIGN, " ").replace("_", " ")
    return _rebuild(View(text, view.starts, view.ends), _single_spaces(text))


def _undisguised(view: View) -> View:
    suspected = disguise.suspected(view.text)
    for number, undo in enumerate(disguise.STEPS):
        if number in suspected:
            undone = _rebuild(view, undo(view.text))
            if undone is not view:
                view, suspected = undone, disguise.suspected(undone.text)
    return view


def _single_spaces(text: str) -> Iterator[Reading]:
    for match in _MANY_SPACES.finditer(text) if "  " in text else ():
        yield Reading(match.start(), match.end(), [(match.start(), " ")])


def _rebuild(view: View, readings: Iterable[Reading]) -> View:
    """Put the readings in place; what one drops belongs to the kept character before it."""
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    position = 0
    for start, end, kept in readings:
        pieces.append(view.text[position:start])
        starts += view.starts[position:start]
        ends += view.ends[position:start]
        following = [*(place for place, _ in kept[1:]), end]
        for (place, character), upto in zip(kept, following, strict=True):
            pieces.append(character)
            starts.append(view.starts[place])
            ends.append(view.ends[max(place, upto - 1)])
        position = end
    if position == 0:
        return view
    pieces.append(view.text[position:])
    return View(
        "".join(pieces),
        [*starts, *view.starts[position:]],
        [*ends, *view.ends[position:]],
    )
