"""An added line speaks like the person around it: small letters, missing apostrophes, full stops."""

import re
from collections.abc import Sequence

from caretune.records import Message

_SENTENCE_START = re.compile(r"(?:^|[.!?]\s+)([^\W\d_])")
_BARE = re.compile(r"\b(?:im|dont|cant|ive|didnt|thats|isnt|wont|doesnt)\b", re.IGNORECASE)
_APOSTROPHE = re.compile(r"\w['\u2019]\w")
_GREETING = re.compile(
    r"\s*(?:hi|hey|hello|hiya|howdy|good (?:morning|afternoon|evening|day)|dear|greetings|salaam"
    r"|assalam\w*|namaste|bula|g'day|quick question)\b",
    re.IGNORECASE,
)
_MARKS = ".,;:?!…"


def greets(text: str) -> bool:
    """Tell whether a text opens with a greeting."""
    return _GREETING.match(text) is not None


def join(*parts: str) -> str:
    """Join what is said one after the other, with a full stop where one ended without a mark."""
    ended = [part if part[-1:] in _MARKS else f"{part}." for part in map(str.rstrip, parts[:-1])]
    return " ".join([*ended, parts[-1]])


def match(line: str, turns: Sequence[Message]) -> str:
    """Write a line the way a dialogue's user writes.

    Small letters where most of the user's sentences start small, no apostrophes where the user
    leaves them out, no last full stop where most of the user's turns end without a mark.
    """
    said = [message.content.strip() for message in turns if message.role == "user"]
    starts = [letter for text in said for letter in _SENTENCE_START.findall(text)]
    if sum(letter.islower() for letter in starts) > len(starts) / 2:
        line = line.lower()
    if any(map(_BARE.search, said)) and not any(map(_APOSTROPHE.search, said)):
        line = line.replace("'", "")
    if sum(text[-1:].isalnum() for text in said) > len(said) / 2:
        line = line.removesuffix(".")
    return line
