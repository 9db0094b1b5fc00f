"""Authored supportive dialogues: JSONL with category, difficulty, domain, client and crisis."""

from pathlib import Path
from typing import Literal

import msgspec

from caretune.corpus.sources.raw import RawConversation, RawMessage, Rows, read_jsonl
from caretune.records import Client, Crisis, Gold
from caretune.safety.taxonomy import CrisisType, Protective, Severity, Timeline


class _Crisis(msgspec.Struct, forbid_unknown_fields=True):
    types: list[CrisisType]
    severity: Severity
    timeline: Timeline
    protective: list[Protective]


class _Dialogue(msgspec.Struct, forbid_unknown_fields=True):
    category: str
    difficulty: Literal["routine", "moderate", "hard", "crisis"]
    domain: str
    client: Client
    crisis: _Crisis
    messages: list[RawMessage]


def read(path: Path) -> Rows:
    """Yield the dialogues of a file; crisis labels become gold, each word one of the taxonomy."""
    return read_jsonl(path, _Dialogue, _conversation)


def _conversation(row: _Dialogue) -> RawConversation:
    label = row.crisis
    crisis = Crisis(sorted(label.types), label.severity, label.timeline, sorted(label.protective))
    return RawConversation(
        messages=row.messages,
        domain=row.domain,
        category=row.category,
        difficulty=row.difficulty,
        client=row.client,
        gold=Gold(crisis),
    )
