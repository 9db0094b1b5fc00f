"""The lines that `caretune scan` reads, and their door: lone surrogates are replaced and counted."""

import re
from typing import Annotated, Literal

import msgspec

from caretune.records import Message, problem

# Lone surrogates, as escapes and as bytes; a pair or another escape is matched first and stays.
_SURROGATE = re.compile(
    rb"\\u[dD][89aAbB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}"
    rb"|(?P<lone>\\u[dD][89a-fA-F][\da-fA-F]{2}|\xed[\xa0-\xbf][\x80-\xbf])"
    rb"|\\."
)
_REPLACEMENT = rb"\ufffd"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line in: a message with its role and context, or the turns of a conversation."""

    text: str | None = None
    role: Literal["user", "assistant"] = "user"
    context: str | None = None
    turns: Annotated[list[Message | str], msgspec.Meta(min_length=1)] | None = None
    id: str | None = None

    def conversation(self) -> list[Message] | None:
        """Return the turns as messages (a bare text is the user's); None for a single message."""
        if self.turns is None:
            return None
        return [Message("user", turn) if isinstance(turn, str) else turn for turn in self.turns]


class Door:
    """Decodes lines; `mended` counts those in which a lone surrogate became U+FFFD.

    Half an emoji, cut by a program that counts in UTF-16, must not keep a message from being judged.
    """

    def __init__(self) -> None:
        self.mended = 0
        self._decoder = msgspec.json.Decoder(Line)

    def read(self, raw: bytes) -> Line:
        """Return the line of these bytes.

        Raises:
            msgspec.DecodeError: It is not JSON, or (ValidationError) not such a line.
            UnicodeDecodeError: It is not UTF-8.
        """
        raw = raw.removeprefix(_BYTE_ORDER_MARK)
        try:
            return _checked(self._decoder.decode(raw))
        except msgspec.ValidationError:
            raise
        except (msgspec.DecodeError, UnicodeDecodeError):
            mended = _SURROGATE.sub(_replaced, raw)
            if mended == raw:
                raise
        line = _checked(self._decoder.decode(mended))
        self.mended += 1
        return line


def fault(error: msgspec.DecodeError | UnicodeDecodeError) -> str:
    """Return what is wrong with a line and what to do, in a sentence without a word of the line."""
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8. Save it as UTF-8 and scan it again."
    if isinstance(error, msgspec.ValidationError):
        return f"{problem(error)}. Mend the field as docs/formats.md says and scan the line again."
    return "not JSON. Write one whole JSON object on a line and scan it again."


def _checked(line: Line) -> Line:
    if (line.text is None) is (line.turns is None):
        raise msgspec.ValidationError('Expected either "text" or "turns" - at `$`')
    return line


def _replaced(found: re.Match[bytes]) -> bytes:
    return _REPLACEMENT if found["lone"] else found.group()
