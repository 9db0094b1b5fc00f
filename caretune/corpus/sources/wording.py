"""Our own sentences around what a source tells: one YAML table a source, a choice by hash.

A choice hangs on the seedless name of what is told (a term, a persona), so that the same source gives
the same rows whatever else the run reads. Every sentence repeats the name: sentences that two terms
share word for word would make them near-duplicates.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from caretune.corpus.sources.raw import RawConversation, RawMessage
from caretune.lineage import digest

_MOST_BARE_WORDS = 2
_ENDS = (".", "?", "!", "…", ":", '."', '?"', '!"')


@cache
def table(name: str) -> Any:
    """Read a source's sentences, the YAML file beside this module."""
    return YAML(typ="safe", pure=True).load(Path(__file__).with_name(f"{name}.yaml"))


def choose(sentences: Sequence[str], *names: str) -> str:
    """Return one of the sentences, the same one for the same names."""
    return sentences[int(digest.sha256_value(names)[:8], 16) % len(sentences)]


def fill(sentences: Sequence[str], slot: str, said: Mapping[str, str]) -> str:
    """Return the sentence of a slot about `said["X"]`, filled in, with a capital at its start.

    A definition `said["D"]` that names what it defines is not introduced by the name once more.
    """
    name = said["X"]
    if slot == "definition" and said["D"].casefold().startswith(name.strip('"').casefold()):
        return said["D"]
    filled = choose(sentences, slot, name).format_map(said)
    return filled[:1].upper() + filled[1:]


def sentence(text: str) -> str:
    """Return the text with a capital at its start and a mark at its end."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith(_ENDS) else ".")


def quoted(name: str) -> str:
    """Return a name of more than two words in quotation marks, so that a sentence can hold it."""
    return f'"{name}"' if len(name.split()) > _MOST_BARE_WORDS else name


def conversation(category: str, exchanges: Iterable[tuple[str, str]]) -> RawConversation:
    """Return `(question, answer)` pairs as a conversation."""
    turns = []
    for asked, answered in exchanges:
        turns += [RawMessage("user", asked), RawMessage("assistant", answered)]
    return RawConversation(turns, category=category)
