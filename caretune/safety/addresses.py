"""Where an address stands: a linear model over its words, figures and marks, near a cheap cue.

A word counts by its kind (a street's, a flat's, a figure of four digits, a rare capital), never by
itself unless it is an everyday word, so that a street that was never seen is judged as one that was.
Each kind speaks for the words around it too; neighbours that are likely parts make one address.
"""

import math
import re
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from caretune.safety import address_words
from caretune.safety.names import SPOKEN, Lexicon

REACH = 4
"""How many words to either side a word speaks for."""
_BACK = 2
"""Words before a word that make up its class."""
_GAP = 3
"""From one likely word of an address to the next, at most."""
_AROUND = 60
"""Characters to either side of a cue in which words are looked at."""
_LIKELY = -1.0
"""Log-odds of a word that belongs to an address."""
SURE = 0.73
"""The chance that the best word of an address has at least."""

_CUE = re.compile(
    r"\d|(?=[A-Zc])(?:Street|Road|Avenue|Lane|Drive|Crescent|Terrace|Boulevard|Gardens|House|Cottage|"
    r"Farm|Hall|Court|Close|Estate|Rue|Calle|Via|Rua|[Cc]orner of|P\.? ?O\.? Box)\b"
)
_TOKEN = re.compile(r"\d{1,8}(?:[-./:]\d{1,8}){2,4}|\w{1,20}(?:'\w{1,2}\b)?|\n|[^\w\s]")
_BARRED = SPOKEN | {"hurt", "hurts", "hurting", "hang", "hanging", "jump", "knife", "harm", "shoot"}
"""Words that no address goes over; "us", "me" and "it" are countries and states too."""
_TOWARDS = frozenset({"on", "at"})
_EDGES = frozenset(",.;:!?)('\"->/&*\n")


class Token(NamedTuple):
    """A word, a figure, a mark or a line's end, with its place."""

    text: str
    start: int
    end: int


class Place(NamedTuple):
    """What may be an address, and how surely its best word is part of one: 1.0 = surely."""

    start: int
    end: int
    chance: float


class Part(NamedTuple):
    """Neighbouring words of a text with their classes; those of `inner` are to be judged.

    The words outside only speak for the inner ones.
    """

    tokens: list[Token]
    classes: list[list[str]]
    inner: range


class AddressTagger(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By class what its words add to the log-odds of their neighbours, from `REACH` before to behind."""

    weights: dict[str, list[float]]
    offset: float

    def odds(self, part: Part) -> list[float]:
        """Return the log-odds of each inner word that it is part of an address."""
        sums = [self.offset] * (len(part.tokens) + 2 * REACH)
        for place, names in enumerate(part.classes):
            for name in names:
                for step, weight in enumerate(self.weights.get(name, ()), place):
                    sums[step] += weight
        return sums[part.inner.start + REACH : part.inner.stop + REACH]


def find(text: str, lexicon: Lexicon, tagger: AddressTagger) -> list[Place]:
    """Return what may be an address in a text's order, without overlaps; `SURE` ones are addresses."""
    found: list[Place] = []
    for part in parts(text, lexicon):
        inner = part.tokens[part.inner.start : part.inner.stop]
        found += _joined(inner, tagger.odds(part))
    return found


def parts(text: str, lexicon: Lexicon) -> list[Part]:
    """Return the words near cues, with their classes."""
    if _CUE.search(text) is None:
        return []
    read = [Token(match.group(), *match.span()) for match in _TOKEN.finditer(text)]
    found = []
    for near in _near(text, read):
        first = max(0, near.start - REACH - _BACK)
        tokens = read[first : near.stop + REACH]
        inner = range(near.start - first, near.stop - first)
        found.append(Part(tokens, _classes(tokens, lexicon), inner))
    return found


def unsettled(text: str) -> int:
    """Return from where on more text behind may change what is found."""
    last = deque((match.start() for match in _TOKEN.finditer(text)), maxlen=2 * REACH + _GAP)
    return last[0] if last else 0


def _near(text: str, read: Sequence[Token]) -> list[range]:
    """Return which runs of words stand near a cue."""
    runs: list[range] = []
    first = last = 0
    for cue in _CUE.finditer(text):
        while first < len(read) and read[first].end <= cue.start() - _AROUND:
            first += 1
        last = max(first, last)
        while last < len(read) and read[last].start < cue.end() + _AROUND:
            last += 1
        if runs and first <= runs[-1].stop:
            runs[-1] = range(runs[-1].start, last)
        else:
            runs.append(range(first, last))
    return runs


def _classes(read: Sequence[Token], lexicon: Lexicon) -> list[list[str]]:
    """Return the classes of each word: its kind, that with the kinds before, an everyday word itself."""
    described = []
    last = before = "^"
    for token in read:
        kind = address_words.kind(token.text, lexicon)
        names = [kind, f"{last} {kind}", f"{before} {last} {kind}"]
        low = token.text.lower()
        if address_words.known(low, lexicon):
            names.append(f"={low}")
        if low[0].isalpha():
            names.append("small" if token.text[0].islower() else "capital")
        described.append(names)
        before, last = last, kind
    return described


def _joined(read: Sequence[Token], odds: Sequence[float]) -> list[Place]:
    """Join likely words over short gaps, and leave marks at the ends away."""
    runs: list[list[int]] = []
    barred = -1
    for place, chance in enumerate(odds):
        if read[place].text.lower() in _BARRED:
            barred = place
        if chance < _LIKELY or barred == place:
            continue
        if runs and barred < runs[-1][-1] and place - runs[-1][-1] <= _GAP:
            runs[-1].append(place)
        elif read[place].text not in _EDGES:
            runs.append([place])
    found = []
    for run in runs:
        while read[run[-1]].text in _EDGES:
            run.pop()
        if kept := _from_its_line(read, run):
            chance = 1.0 / (1.0 + math.exp(-max(odds[place] for place in kept)))
            found.append(Place(read[kept[0]].start, read[kept[-1]].end, chance))
    return found


def _from_its_line(read: Sequence[Token], run: Sequence[int]) -> Sequence[int]:
    """Drop the lines before the first number or word of a street or house; nothing stays without one.

    A small word before "on" or "at" is not the address's either: "the house on Mill Lane".
    """
    first = 0
    for number, place in enumerate(run):
        between = read[run[max(0, number - 1)] : place]
        if any(token.text == "\n" for token in between):
            first = number
        if number == first and _leads(read[place : place + 2]):
            first = number + 1
        elif address_words.tells(read[place].text):
            return run[first:]
    return ()


def _leads(pair: Sequence[Token]) -> bool:
    """Tell whether a word only leads up to an address: "on", or what stands before it."""
    word, behind = pair[0].text, pair[-1].text
    return word in _TOWARDS or (word.islower() and behind in _TOWARDS)
