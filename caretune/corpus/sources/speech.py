"""Spoken turns made readable: fillers and transcriber's marks out, what they cost kept as scores.

A sentence that may carry risk (caretune.corpus.crisis_wording, the broad list) stays to the
letter, fillers and marks included: a filler costs nothing, a risk word lost would.

The thresholds are ours. Over the 106 conversations of mibot, written as speaker-labelled text,
naturalness is 0.11 to 1.0 with median 0.76, and transcription quality 1.0: they were typed.
"""

import re
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from caretune.corpus import crisis_wording
from caretune.records import Conversation


class Turn(NamedTuple):
    """What one speaker says in one go; `overlaps` counts its cues that begin in another's cue."""

    speaker: str
    text: str
    cues: int = 1
    overlaps: int = 0


_RISK = crisis_wording.pattern(Conversation(id="", source="", license="", messages=[]))
"""The pattern for a row that nobody has labelled: the broad list."""

_TIME = r"(?:\s+(?:at\s+)?\d[\d:.]*)?"
_UNCLEAR = re.compile(
    rf"[\[(<]\s*(?:inaudible|unintelligible|indiscernible|unclear|indistinct|\?+){_TIME}\s*[\])>]",
    re.IGNORECASE,
)
_CROSSTALK = re.compile(
    rf"[\[(<]\s*(?:cross[- ]?talk|overlapping(?: speech| talk)?|simultaneous (?:speech|talk)|"
    rf"talking over each other|interposing){_TIME}\s*[\])>]",
    re.IGNORECASE,
)
_SOUND = re.compile(
    r"[\[(<]\s*(?:(?:long|short|brief)\s+)?(?:laugh(?:s|ter|ing)?|chuckl(?:es?|ing)|pauses?|"
    r"silence|noise|background noise|music|cough(?:s|ing)?|sighs?|sniff(?:s|les)?|clears throat|"
    rf"applause|phone rings){_TIME}\s*[\])>]",
    re.IGNORECASE,
)
# "ER" in capitals is a place.
_HESITATION = re.compile(
    r"(?:,\s*)?(?<![\w-])(?:u+m+|u+h+|e+r+m+|(?-i:[Ee]r+)|a+hm|h+m+)(?![\w-])(?:,|\.{3}|…)?",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r"(?:^|(?<=,))\s*(?:you know|i mean|you see|like|sort of thing)\s*,|"
    r",\s*(?:you know|i mean|you see)(?=\s*[.?!…]|$)",
    re.IGNORECASE,
)
_BACKCHANNEL = re.compile(r"(?:\W*\b(?:m+[- ]?h+m+|u+h[- ]huh)\b)+\W*", re.IGNORECASE)
_CUT_OFF = re.compile(r"(?:--|[\u2014\u2013]|\w-)\s*$")
_WORD = re.compile(r"[\w'\u2019]+")


def readable(text: str) -> str:
    """Return speech without hesitations, set-off asides and transcriber's marks.

    Asides ("you know", "I mean", "like") go only where commas set them off. What could not be heard
    becomes "…", so that a gap still shows. A sentence that may carry risk is not touched.
    """
    pieces = []
    for sentence in crisis_wording.sentences(" ".join(text.split())):
        piece = sentence.strip()
        cleaned = _cleaned(piece)
        pieces.append(piece if cleaned != piece and _RISK.search(piece) else cleaned)
    joined = " ".join(piece for piece in pieces if piece)
    return joined if re.search(r"\w", joined) else ""


def _cleaned(sentence: str) -> str:
    capital = sentence[:1].isupper()
    text = _SOUND.sub(" ", _CROSSTALK.sub(" ", sentence))
    text = _ASIDE.sub(" ", _HESITATION.sub(" ", _UNCLEAR.sub("…", text)))
    text = re.sub(r"\s+([,.?!…])", r"\1", " ".join(text.split()))
    text = re.sub(r"^[\s,]+|,(?=[,.?!…])", "", text)
    return text[:1].upper() + text[1:] if capital else text


def is_backchannel(turn: Turn, before: str) -> bool:
    """Return whether a turn only says "I hear you" while the other speaks on.

    "Uh-huh" after a question is an answer and stays.
    """
    return _BACKCHANNEL.fullmatch(turn.text) is not None and not before.rstrip().endswith("?")


def transcription_quality(turns: Sequence[Turn]) -> float:
    """Return how well the speech was caught: 1.0 = no gap, no overlap; 0.0 = unusable.

    (1 - marks) x (1 - overlaps) x (1 - cut): `marks` is ten times the inaudible and crosstalk marks a
    word (one mark in ten words leaves nothing), `overlaps` the share of cues that begin while another
    speaker's cue still runs, `cut` the share of turns that break off (end in a dash).

    Args:
        turns: The turns as transcribed, before `readable`.
    """
    words = sum(len(_WORD.findall(turn.text)) for turn in turns)
    marks = sum(len(_UNCLEAR.findall(t.text)) + len(_CROSSTALK.findall(t.text)) for t in turns)
    cut = sum(bool(_CUT_OFF.search(turn.text)) for turn in turns)
    overlaps = sum(turn.overlaps for turn in turns) / max(1, sum(turn.cues for turn in turns))
    missed = min(1.0, 10 * marks / max(1, words))
    return round((1 - missed) * (1 - overlaps) * (1 - cut / max(1, len(turns))), 4)


def naturalness(texts: Sequence[str], speakers: Sequence[str]) -> float:
    """Return how much the turns are like two people talking: 1.0 = wholly, 0.0 = not at all.

    balance x pace x variety: `balance` is 1.0 where the quieter side has at least a fifth of the
    words, falling to 0.0 where one alone speaks; `pace` is 1.0 where the median turn has 4 to 120
    words, falling with the ratio outside; `variety` is the share of turns that repeat no other turn.
    """
    counts = [len(_WORD.findall(text)) for text in texts]
    total = sum(counts)
    if not total:
        return 0.0
    sides = [
        sum(n for n, who in zip(counts, speakers, strict=True) if who == s) for s in set(speakers)
    ]
    balance = min(1.0, min(sides) / total / 0.2) if len(sides) > 1 else 0.0
    middle = median(counts)
    pace = min(1.0, middle / 4, 120 / max(1, middle))
    variety = len({text.casefold() for text in texts}) / len(texts)
    return round(balance * pace * variety, 4)


_LEAST_WORDS = 20
"""Fewer words of the client tell nothing of a style."""
_TERSE_WORDS = 6
_RUN_ON_WORDS = 25
_MARKERS = {
    "hedging": (
        2.0,
        (
            r"\b(?:maybe|perhaps|probably|i guess|i suppose|sort of|kind of|kinda|sorta|i think|might)\b"
            r"|\b(?:not sure|i don['\u2019]?t know|dunno)\b"
        ),
    ),
    "intensifying": (
        3.0,
        (
            r"\b(?:really|very|so much|totally|absolutely|completely|literally|always|never|extremely)\b"
            r"|(?<=\w)!"
        ),
    ),
    "informal": (
        2.0,
        (
            r"\b(?:gonna|wanna|gotta|cuz|cos|yeah|nah|lol|dunno|kinda|sorta|ain['\u2019]t)\b"
            r"|\b(?:dont|cant|wont|didnt|im|ive|ur|u)\b"
        ),
    ),
    "self_correcting": (
        1.0,
        (
            r"\b(?:i mean|no,? wait|or rather|let me rephrase|what i meant|scratch that)\b"
            r"|\b(\w{1,12}),? \1\b|\w(?:--|\u2014| - )"
        ),
    ),
    "disfluent": (3.0, r"\b(?:u+m+|u+h+|e+r+m+|(?-i:[Ee]r+))\b|,\s*(?:you know|like),"),
}
"""Marker -> (from how many in a hundred words of the client, what counts as one)."""
_COMPILED = {
    marker: (least, re.compile(words, re.IGNORECASE)) for marker, (least, words) in _MARKERS.items()
}


def style(texts: Sequence[str]) -> list[str]:
    """Return the marks of how the client speaks, sorted; none under 20 words.

    `hedging` from 2, `intensifying` from 3, `informal` from 2, `self_correcting` from 1 and
    `disfluent` from 3 of its words per hundred; `terse` where the median turn has at most 6 words,
    `run_on` where the median sentence has at least 25.

    Args:
        texts: The client's turns as transcribed, before `readable`.
    """
    counts = [len(_WORD.findall(text)) for text in texts]
    total = sum(counts)
    if total < _LEAST_WORDS:
        return []
    whole = "\n".join(texts)
    found = {
        marker
        for marker, (least, words) in _COMPILED.items()
        if 100 * sum(1 for _ in words.finditer(whole)) >= least * total
    }
    lengths = [len(_WORD.findall(sentence)) for sentence in crisis_wording.sentences(whole)]
    if median(counts) <= _TERSE_WORDS:
        found.add("terse")
    if median(length for length in lengths if length) >= _RUN_ON_WORDS:
        found.add("run_on")
    return sorted(found)
