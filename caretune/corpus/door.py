"""The door: what becomes of one raw row, as a pure function of the row.

A row's text is normalised once, it gets its id, the name of its author becomes a keyed hash, and
personal data becomes typed placeholders. Nothing past the door has seen a raw row.

Exits of rows that cannot be read: `bad_json`, `bad_field`, `unknown_role`, `role_order`, `empty`,
`control_character` and those of the adapters. Exits of others: `suppressed`, those of quality and
`redaction_loss`.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from caretune import records
from caretune.corpus import conservation, crisis_wording, grams
from caretune.corpus.contents import Contents
from caretune.corpus.quality import assessment
from caretune.corpus.quality.assessment import Thresholds
from caretune.corpus.quality.tally import Tally
from caretune.corpus.source import RawRow, Source
from caretune.corpus.sources.raw import RawConversation, RawMessage
from caretune.lineage import identity, suppression
from caretune.lineage.suppression import Suppressed
from caretune.records import BadRow, Conversation, Message, Role
from caretune.safety.chain import Chain

_ROLE_WORD = re.compile(
    "(ai|bot|client|counsell?or|developer|function|gpt|human|model|patient|therapist|tool)"
)
"""Words that may stand in the place of a role; any other may be somebody's name and is not quoted."""
_WORD = re.compile("[a-z][a-z0-9_]{0,39}")
_LABEL = re.compile(r"[^\W_][\w ,&/+()'.-]{0,59}")
_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}
_EMPTY = frozenset(["no_definition", "no_criteria", "persona_inconsistent"])
"""Exits of rows that were read well and hold nothing to learn."""
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


class Settings(NamedTuple):
    """What the door goes by; plain values, so that it opens in any process."""

    sources: Mapping[str, Source]
    thresholds: Thresholds
    suppressed: Suppressed
    person_key: str
    """Key of the hashes that stand for people's names."""
    filters: Path | None
    """Folder of the filter bundle; None leaves personal data in."""


class Entry(NamedTuple):
    """One raw row after the door; exactly one of `line` and `exit` is empty."""

    name: str
    """What the ledger calls it."""
    source: str
    id: str
    """Empty where the row could not be read."""
    line: bytes
    """The corpus row as canonical JSON."""
    words: bytes
    """Hash of who says which words; equal words in two sources are one row."""
    severity: str | None
    """Gold severity, where the source has one."""
    exit: str = ""
    detail: str = ""
    bad: bool = False
    """It could not be read."""


class Passed(NamedTuple):
    """What a shard of raw rows became."""

    entries: list[Entry]
    contents: Contents
    """Of the rows that got in."""
    quality: Tally
    pii: Counter[str]
    """Spans replaced, by type."""


class Door:
    """Lets shards of raw rows in.

    Args:
        settings: What it goes by.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._chain = None if settings.filters is None else Chain.load(settings.filters)
        self._scan = None if self._chain is None else conservation.scanner(self._chain)

    def __call__(self, shard: Sequence[RawRow]) -> Passed:
        """Return what becomes of some rows."""
        passed = Passed([], Contents(), Tally(), Counter())
        passed.entries.extend(self._entry(raw, passed) for raw in shard)
        return passed

    def _entry(self, came: RawRow, passed: Passed) -> Entry:
        source, line, raw = self._settings.sources[came.source], came.line, came.row
        row = raw if isinstance(raw, BadRow) else self._conversation(source, line, raw)
        severity = None
        if (
            isinstance(raw, RawConversation)
            and raw.gold is not None
            and raw.gold.crisis is not None
        ):
            severity = raw.gold.crisis.severity
        leave = partial(Entry, came.name, came.source, line=b"", words=b"", severity=severity)
        if isinstance(row, BadRow):
            detail = f"{source.path.name} line {line}: {row.problem}"
            return leave(id="", exit=row.exit, detail=detail, bad=row.exit not in _EMPTY)
        why = self._settings.suppressed.covers(row.id, source.name, row.person)
        if why is not None:
            # Its words go along: the same row of another source must not come back in its place.
            same = _words(row.messages)
            return leave(id=row.id, exit=suppression.EXIT, detail=why)._replace(words=same)
        found = assessment.assess(
            row.messages,
            thresholds=self._settings.thresholds,
            domain=row.domain,
            severity=severity,
            filters=self._chain,
            told=row.scores or {},
        )
        if found.exit:
            passed.quality.add(source.name, found)
            return leave(id=row.id, exit=found.exit, detail=f"{row.id}: {found.detail}")
        redacted, lost = self._redacted(row, passed.pii)
        passed.quality.add(source.name, found)
        if lost:
            passed.quality.drop(source.name, found.scores)
            return leave(id=row.id, exit="redaction_loss", detail=f"{row.id}: {lost}")
        whole = msgspec.structs.replace(row, messages=redacted, scores=found.scores or None)
        passed.contents.add(whole)
        return Entry(
            came.name, came.source, row.id, records.encode(whole), _words(row.messages), severity
        )

    def _conversation(
        self, source: Source, line: int, raw: RawConversation
    ) -> Conversation | BadRow:
        said = messages(line, raw.messages)
        if isinstance(said, BadRow):
            return said
        if problem := _not_a_label(raw):
            return BadRow(line, "bad_field", problem)
        person = None
        if raw.person is not None:
            person = identity.person_hash(self._settings.person_key, source.name, raw.person)
        return Conversation(
            id=identity.content_id(source.name, said),
            source=source.name,
            license=source.license,
            messages=said,
            domain=raw.domain or source.domains.get(raw.category or "", source.default_domain),
            category=raw.category,
            difficulty=raw.difficulty,
            client=raw.client,
            person=person,
            scores=raw.scores,
            style=raw.style,
            gold=raw.gold,
        )

    def _redacted(self, row: Conversation, pii: Counter[str]) -> tuple[list[Message], str]:
        """Return the messages without personal data, and what that took from a crisis."""
        if self._chain is None:
            return row.messages, ""
        redactor, redacted = self._chain.redactor(spared=_tells_of_crisis), []
        for message in row.messages:
            text, spans = redactor.redact(message.content)
            pii.update(span.type for span in spans)
            redacted.append(msgspec.structs.replace(message, content=text) if spans else message)
        # A gold label is the row's severity whatever its words; else the filters' must not fall.
        scan = self._scan if records.crisis_severity(row) is None else None
        return redacted, conservation.redaction_loss(row.messages, redacted, scan)


def _tells_of_crisis(name: str) -> bool:
    """Tell whether what was taken for a name ("Hopelessness") is a word of a crisis."""
    return bool(crisis_wording.words(Message("user", name)))


def _not_a_label(raw: RawConversation) -> str:
    """Return which field is no short label; free text there would pass the door as it is."""
    for field, form in (("domain", _WORD), ("difficulty", _WORD), ("category", _LABEL)):
        value = getattr(raw, field)
        if value is not None and not form.fullmatch(value):
            return f"expected a short label at $.{field}"
    for number, message in enumerate(raw.messages):
        if message.strategy is not None and not _LABEL.fullmatch(message.strategy):
            return f"expected a short label at $.messages[{number}].strategy"
    return ""


def messages(line: int, raw: Sequence[RawMessage]) -> list[Message] | BadRow:
    """Return the messages with normalised text, or why they are no conversation to learn from."""
    said: list[Message] = []
    for number, message in enumerate(raw):
        where = f"$.messages[{number}]"
        role = _ROLES.get(message.role)
        if role is None:
            # Anything but a plain word may be what somebody wrote.
            got = repr(message.role) if _ROLE_WORD.fullmatch(message.role) else "…"
            problem = f"expected role system|user|assistant, got {got} at {where}.role"
            return BadRow(line, "unknown_role", problem)
        if said and (role == said[-1].role or role == "system"):
            due = "a system message stands first" if role == "system" else "two turns of one role"
            return BadRow(line, "role_order", f"{due}, got {role} at {where}.role")
        content = records.normalise_text(message.content)
        if not content.strip():
            return BadRow(line, "empty", f"no text at {where}.content")
        if control := _CONTROL.search(content):
            code = f"U+{ord(control[0]):04X}"
            return BadRow(line, "control_character", f"{code} at {where}.content")
        said.append(Message(role, content, message.strategy))
    roles = [message.role for message in said]
    if "user" not in roles or "assistant" not in roles[roles.index("user") :]:
        return BadRow(line, "empty", "no assistant message after a user message at $.messages")
    return said


def _words(said: Sequence[Message]) -> bytes:
    """Hash who says which words; a system message is of the file and says nothing of the row."""
    spoken = (
        b"%s %s" % (m.role.encode(), b" ".join(grams.words(m.content)))
        for m in said
        if m.role != "system"
    )
    return hashlib.blake2b(b"\n".join(spoken), digest_size=12).digest()
