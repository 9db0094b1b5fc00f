"""Texts in which somebody marked what is looked for, read from a pattern file's `examples`."""

import re
from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from caretune.errors import FilterError

_MARKS = re.compile("[«»]")
_PAIR = re.compile("[^«»]*(?:«[^«»]+»[^«»]*)*")


class Text(NamedTuple):
    """A text and where in it something stands; None where nobody marked it."""

    text: str
    spans: Sequence[tuple[int, int]] | None


def read(path: Path) -> list[Text]:
    """Return the examples of a file, «between marks» what stands in them.

    Raises:
        FilterError: An example has a mark without its partner.
    """
    content: Any = YAML(typ="safe", pure=True).load(path)
    found = []
    for number, example in enumerate(content["examples"], start=1):
        if _PAIR.fullmatch(example) is None:
            raise FilterError(f"{path}: example {number} has a mark « or » without its partner.")
        pieces = _MARKS.split(example)
        ends = list(accumulate(map(len, pieces), initial=0))
        found.append(Text("".join(pieces), list(pairwise(ends))[1::2]))
    return found
