"""Transcripts of spoken sessions: WebVTT, SRT, and text with a speaker's name before each turn.

A file is one conversation. The speakers become client and counsellor by their names (`Therapist:`,
`<v Client 2>`); two speakers of other names are told apart by who asks and who speaks of "I". A cue
or line without a name goes on with the speaker before it, as captioners write it.

Exits: `bad_field` (not UTF-8, a NUL), `bad_cue`, `unknown_format`, `unknown_speaker`, `empty`.
"""

import html
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import webvtt
from webvtt.errors import MalformedCaptionError, MalformedFileError

from caretune.corpus.sources import speech
from caretune.corpus.sources.raw import RawConversation, RawMessage, Rows
from caretune.corpus.sources.speech import Turn
from caretune.errors import SourceError
from caretune.records import BadRow

_SOUND = re.compile(
    r"\.(?:aac|aiff|avi|flac|m4a|m4v|mkv|mov|mp3|mp4|mpe?g|og[agv]|opus|wav|webm|wm[av])",
    re.IGNORECASE,
)
_CUES = {".vtt": "vtt", ".srt": "srt"}
_TEXTS = (".txt", ".md")

# "Therapist 2", "Group therapist", "Dr. Jo"; not "My therapist said", which begins speech.
_NOBODYS = r"(?!(?:my|his|her|our|your|their|the|an?)\b)(?:[\w.'-]+ )?"
_COUNSELLOR = re.compile(
    rf"(?:(?:t|th|co|int)\W*|{_NOBODYS}(?:therapist|counsell?or|clinician|interviewer|psychologist|"
    r"psychotherapist|psychiatrist|doctor|coach|practitioner|facilitator|nurse|helper) ?)(?:\d+|[a-z])?"
    r"|dr\b\.?(?: [\w.'-]+){0,2}",
    re.IGNORECASE,
)
_CLIENT = re.compile(
    rf"(?:(?:c|cl|p|pt|pat)\W*|{_NOBODYS}(?:client|patient|participant|interviewee|caller|"
    r"help-?seeker|seeker|respondent) ?)(?:\d+|[a-z])?",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"date|title|session|topic|notes?|location|place|duration|id|length|recorded|file|time",
    re.IGNORECASE,
)

_STAMP = r"(?:[\[(]?\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?[\])]?\s*)?"
_LABEL = re.compile(
    rf"^\s*{_STAMP}\**(?P<name>[^\W\d_][\w.'\u2019 -]{{0,30}}?)\**\s*{_STAMP}:\**(?:\s+|$)(?P<text>.*)$",
    re.DOTALL,
)
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")
_CHANGE = re.compile(r"^\s*(?:>>|[-\u2013\u2014]\s)\s*")
_MOST_LABEL_WORDS = 3


class _Cue(NamedTuple):
    """One caption or line: who is named (None = nobody), what is said, from when to when (ms)."""

    name: str | None
    text: str
    start: int = 0
    end: int = 0


class _Unusable(Exception):  # noqa: N818 - no error: a named exit of one file
    """A file that gives no conversation; `args` are the exit and what is wrong."""


def read(path: Path) -> Rows:
    """Yield one conversation a file; of a folder, its files by name, numbered from 1.

    Raises:
        SourceError: There is nothing at the path, or it holds sound or video.
    """
    files = sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]
    files = [file for file in files if not file.name.startswith(".")]
    for file in files:
        if _SOUND.fullmatch(file.suffix):
            raise SourceError(
                f"{file}: sound and video are not read. Make a transcript first, for example with "
                "`whisper FILE --output_format vtt` or faster-whisper, write the speakers' names into "
                "its cues, and give the .vtt file instead."
            )
        if not file.exists():
            raise SourceError(f"{file}: no such file or folder. Check the path in params.ingest.")
    for number, file in enumerate(files, start=1):
        try:
            yield number, _conversation(file)
        except _Unusable as reason:
            exit_name, problem = reason.args
            name = file.relative_to(path).as_posix() if path.is_dir() else file.name
            yield number, BadRow(number, exit_name, f"{name}: {problem}")


def _conversation(file: Path) -> RawConversation:
    kind = file.suffix.lower()
    if kind not in _CUES and kind not in _TEXTS:
        known = ", ".join([*_CUES, *_TEXTS])
        raise _Unusable("unknown_format", f"expected one of {known}, got {kind or 'no ending'!r}")
    text = _text(file)
    cues = _captions(text, _CUES[kind]) if kind in _CUES else _lines(text)
    if not cues:
        raise _Unusable("empty", "no speech")
    turns = _turns(cues)
    roles = _roles(turns)
    return _assembled(turns, roles)


def _text(file: Path) -> str:
    data = file.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _Unusable("bad_field", f"not UTF-8 at byte {error.start}") from None
    if "\0" in text:
        raise _Unusable("bad_field", f"a NUL at character {text.index(chr(0))}")
    if not text.strip():
        raise _Unusable("empty", "no text")
    return text


def _captions(text: str, kind: str) -> list[_Cue]:
    """Return the cues by time; one that the library cannot read costs the file, not just its words."""
    try:
        captions = webvtt.from_buffer(io.StringIO(text), format=kind).captions
    except MalformedFileError:
        raise _Unusable("bad_cue", f"not {kind.upper()} at line 1") from None
    except MalformedCaptionError:
        raise _Unusable("bad_cue", "a cue whose times cannot be read") from None
    times = sum("-->" in line for line in text.splitlines())
    if times != len(captions):
        raise _Unusable(
            "bad_cue",
            f"{times} lines with cue times, {len(captions)} cues with readable times and text",
        )
    cues: list[_Cue] = []
    for caption in sorted(captions, key=lambda c: c.start_time.in_milliseconds()):
        start, end = caption.start_time.in_milliseconds(), caption.end_time.in_milliseconds()
        if end < start:
            raise _Unusable("bad_cue", f"the cue at {caption.start} ends before it begins")
        for cue in _voices(caption.raw_text):
            cues.append(cue._replace(start=start, end=end))
            start = end  # the voices of one cue speak one after another
    return cues if any(cue.name for cue in cues) else _labelled(cues)


def _voices(raw: str) -> Iterator[_Cue]:
    """Yield what each voice of one cue says, without markup."""
    before, *spans = _VOICE.split(raw)
    for name, said in [(None, before), *zip(spans[::2], spans[1::2], strict=True)]:
        text = html.unescape(webvtt.Caption(text=said).text)
        if text.strip():
            yield _Cue(name, text)


def _lines(text: str) -> list[_Cue]:
    """Return the lines of speaker-labelled text; what stands before the first speaker is a header."""
    cues = _labelled([_Cue(None, line) for line in text.splitlines() if line.strip()])
    first = next((n for n, cue in enumerate(cues) if cue.name), None)
    if first is None:
        raise _Unusable("unknown_speaker", "no line begins with a speaker's name and a colon")
    return cues[first:]


def _labelled(cues: Sequence[_Cue]) -> list[_Cue]:
    """Take the names out of `Name: text`.

    A name is a known role, or up to three words that begin at least two cues: "I told him: stop" is
    speech. Words that head a file (Date, Session) are no names.
    """
    matches = [_LABEL.match(cue.text) for cue in cues]
    counts = Counter(match["name"].casefold() for match in matches if match)
    found = []
    for cue, match in zip(cues, matches, strict=True):
        name = match["name"] if match else ""
        known = _role(name) is not None
        likely = counts[name.casefold()] > 1 and 0 < len(name.split()) <= _MOST_LABEL_WORDS
        if match and (known or likely) and not _HEADER.fullmatch(name):
            found.append(cue._replace(name=name, text=match["text"]))
        else:
            found.append(cue)
    return found


def _turns(cues: Iterable[_Cue]) -> list[Turn]:
    """Join consecutive cues of one speaker, and count the cues that begin in another's."""
    turns: list[Turn] = []
    ends: dict[str, int] = {}
    for number, cue in enumerate(cues, start=1):
        changed = _CHANGE.match(cue.text) is not None and cue.name is None
        if cue.name is None and (changed or not turns):
            raise _Unusable("unknown_speaker", f"cue {number} names no speaker")
        speaker = " ".join((cue.name or turns[-1].speaker).split())
        overlap = any(cue.start < end for name, end in ends.items() if name != speaker)
        ends[speaker] = max(cue.end, ends.get(speaker, 0))
        turn = Turn(speaker, " ".join(cue.text.split()), 1, int(overlap))
        if turns and turns[-1].speaker == speaker:
            turn = _joined(turns.pop(), turn)
        turns.append(turn)
    return turns


def _joined(first: Turn, second: Turn) -> Turn:
    text = f"{first.text} {second.text}".strip()
    return Turn(first.speaker, text, first.cues + second.cues, first.overlaps + second.overlaps)


def _role(name: str) -> str | None:
    """Return the role that a speaker's name tells: "Therapist 2" is the assistant, "Jo" is None."""
    if _COUNSELLOR.fullmatch(name):
        return "assistant"
    return "user" if _CLIENT.fullmatch(name) else None


def _roles(turns: Sequence[Turn]) -> dict[str, str]:
    """Return speaker -> role; at least one of each, else the file is of no use."""
    names = list(dict.fromkeys(turn.speaker for turn in turns))
    roles = {name: role for name in names if (role := _role(name))}
    unknown = [name for name in names if name not in roles]
    if len(unknown) == 1 and len(set(roles.values())) == 1:
        roles[unknown[0]] = "user" if "assistant" in roles.values() else "assistant"
    elif len(unknown) == 2 and not roles:  # noqa: PLR2004 - two speakers
        roles = _told_apart(turns, unknown[0], unknown[1])
    if len(roles) < len(names) or len(set(roles.values())) < 2:  # noqa: PLR2004 - two roles
        raise _Unusable(
            "unknown_speaker",
            f"{len(names)} speakers, {len(unknown)} of unknown role; name them Therapist and Client",
        )
    return roles


def _told_apart(turns: Sequence[Turn], one: str, two: str) -> dict[str, str]:
    """Who asks more and says "I" less is the counsellor; where these disagree, nobody is."""
    asks, says_i = {}, {}
    for name in (one, two):
        text = " ".join(turn.text for turn in turns if turn.speaker == name)
        words = max(1, len(text.split()))
        asks[name] = text.count("?") / words
        says_i[name] = len(re.findall(r"\b(?:I|me|my)\b", text)) / words
    for counsellor, client in ((one, two), (two, one)):
        if asks[counsellor] > asks[client] and says_i[counsellor] < says_i[client]:
            return {counsellor: "assistant", client: "user"}
    return {}


def _assembled(turns: Sequence[Turn], roles: dict[str, str]) -> RawConversation:
    """Clean the turns, drop those that say nothing, and score what is left."""
    spoken: list[Turn] = []
    for turn in turns:
        text = speech.readable(turn.text)
        said = Turn(roles[turn.speaker], text)
        if not text or (spoken and speech.is_backchannel(said, spoken[-1].text)):
            continue
        spoken.append(
            _joined(spoken.pop(), said) if spoken and spoken[-1].speaker == said.speaker else said
        )
    if not spoken:
        raise _Unusable("empty", "no words but fillers and marks")
    texts = [turn.text for turn in spoken]
    clients = list(dict.fromkeys(t.speaker for t in turns if roles[t.speaker] == "user"))
    named = [name for name in clients if _role(name) is None]
    return RawConversation(
        messages=[RawMessage(turn.speaker, turn.text) for turn in spoken],
        person=named[0] if named else None,
        scores={
            "naturalness": speech.naturalness(texts, [turn.speaker for turn in spoken]),
            "transcription_quality": speech.transcription_quality(turns),
        },
        style=speech.style([t.text for t in turns if roles[t.speaker] == "user"]),
    )
