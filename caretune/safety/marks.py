"""Texts in which somebody marked what is looked for, read from a pattern file's `examples`."""

import re
from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from caretune.errors import FilterError

_MARKS = re.compile("[«»]")
_PAIR = re.compile("[^«»]*(?:«[^«»]+»[^«»]*)*")


class Text(NamedTuple):
    """A text and where in it something stands; None where nobody marked it."""

    text: str
    spans: Sequence[tuple[int, int]] | None


class _File(msgspec.Struct, frozen=True):
    """A pattern file; only its examples are read here."""

    examples: list[str]


def read(path: Path) -> list[Text]:
    """Return the examples of a file, «between marks» what stands in them.

    Raises:
        FilterError: The file is missing or wrong, or an example has a mark without its partner.
    """
    try:
        content = msgspec.convert(YAML(typ="safe", pure=True).load(path), _File)
    except FileNotFoundError:
        raise FilterError(f"{path}: no such file of examples. Restore it from git.") from None
    except (YAMLError, msgspec.ValidationError) as error:
        raise FilterError(f"{path}: {error}. Mend the file.") from None
    found = []
    for number, example in enumerate(content.examples, start=1):
        if _PAIR.fullmatch(example) is None:
            raise FilterError(
                f"{path}: example {number} has a mark « or » without its partner. "
                "Put both around what is looked for."
            )
        pieces = _MARKS.split(example)
        ends = list(accumulate(map(len, pieces), initial=0))
        found.append(Text("".join(pieces), list(pairwise(ends))[1::2]))
    return found
