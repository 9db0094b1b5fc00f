"""The door: every row of every source becomes a corpus row or leaves by a named exit.

At the door a row's text is normalised once, it gets its id, the name of its author becomes a keyed
hash, and personal data becomes typed placeholders. Nothing past the door has seen a raw row.

Exits: `bad_json`, `bad_field`, `unknown_role`, `empty`, `duplicate`.
"""

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from caretune import records
from caretune.corpus import source as data_source
from caretune.corpus.source import Source
from caretune.corpus.sources.raw import RawConversation, RawMessage
from caretune.errors import SourceError
from caretune.lineage import identity, ledger
from caretune.lineage.ledger import Edge
from caretune.records import BadRow, Conversation, Message, Role
from caretune.safety.chain import Redactor

PUBLIC_PERSON_KEY = "caretune"
"""Key of the person hashes where the environment gives none: anybody can make these hashes."""

_STAGE = "ingest"
_PERSON_HEX = 32
_ROLE_WORD = re.compile("[a-z_]{1,20}")
_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}


class Door:
    """Lets rows in one by one, and keeps the ledger and the figures.

    Args:
        redactor: Makes a redactor for each conversation; None leaves personal data in.
        person_key: Key of the hashes that stand for people's names.
        max_bad_rate: More bad rows than this share of a source's rows (0..1) stop the run.
    """

    def __init__(
        self, *, redactor: Callable[[], Redactor] | None, person_key: str, max_bad_rate: float
    ) -> None:
        self.edges: list[Edge] = []
        self._redactor = redactor
        self._person_key = person_key.encode()
        self._max_bad_rate = max_bad_rate
        self._read: list[str] = []
        self._written: dict[str, Conversation] = {}
        self._pii: Counter[str] = Counter()

    def rows(self, sources: Sequence[Source]) -> Iterator[Conversation]:
        """Yield the corpus rows of all sources, in the order of the sources and of their lines.

        Raises:
            SourceError: No source is given; or one is missing, has other bytes than params say, has
                no rows or too many bad ones.
            LineageError: A row was read and left no trace.
        """
        if not sources:
            raise SourceError("params.ingest.sources: none is enabled. Set `enabled: true` on one.")
        for source in sources:
            data_source.check_bytes(source)
        for source in sources:
            yield from self._source(source)
        ledger.check_conserved(self.edges, self._read, self._written.keys())

    def figures(self, summary: ledger.Summary) -> dict[str, Any]:
        """Return the figures of all rows let in; `unlabelled` counts the rows without that field.

        `pii` counts what was replaced, by type; it is null where redaction is off.
        """
        rows = self._written.values()
        return {
            "rows": {
                "total": len(rows),
                "source": records.count(row.source for row in rows),
                "domain": records.count(row.domain for row in rows),
                "difficulty": records.count(row.difficulty for row in rows),
                "severity": records.count(map(records.crisis_severity, rows)),
                "license": records.count(row.license for row in rows),
            },
            "messages": Counter(message.role for row in rows for message in row.messages),
            "persons": len({row.person for row in rows} - {None}),
            "exits": summary.exits,
            "pii": self._pii if self._redactor else None,
            "ledger": summary,
        }

    def _source(self, source: Source) -> Iterator[Conversation]:
        bad: list[BadRow] = []
        before = len(self._read)
        for line, raw in data_source.read(source):
            name = f"{source.name}:{line}"
            self._read.append(name)
            row = raw if isinstance(raw, BadRow) else self._conversation(source, line, raw)
            if isinstance(row, BadRow):
                bad.append(row)
                way, problem = row.exit, row.problem
            elif row.id in self._written:
                way, problem = "duplicate", f"same messages as {row.id}"
            else:
                self.edges.append(Edge(_STAGE, name, to=row.id))
                self._written[row.id] = self._redacted(row)
                yield self._written[row.id]
                continue
            where = f"{source.path.name} line {line}"
            self.edges.append(Edge(_STAGE, name, exit=way, detail=f"{where}: {problem}"))
        self._check_rate(source, len(self._read) - before, bad)

    def _conversation(
        self, source: Source, line: int, raw: RawConversation
    ) -> Conversation | BadRow:
        messages = _messages(line, raw.messages)
        if isinstance(messages, BadRow):
            return messages
        return Conversation(
            id=identity.content_id(source.name, messages),
            source=source.name,
            license=source.license,
            messages=messages,
            domain=raw.domain or source.domains.get(raw.category or "", source.default_domain),
            category=raw.category,
            difficulty=raw.difficulty,
            client=raw.client,
            person=self._person(source.name, raw.person),
            gold=raw.gold,
        )

    def _person(self, source: str, name: str | None) -> str | None:
        """Return the keyed hash of a name in its source; case and spacing do not count."""
        if name is None:
            return None
        text = f"{source}\n{' '.join(records.normalise_text(name).casefold().split())}"
        return hmac.new(self._person_key, text.encode(), hashlib.sha256).hexdigest()[:_PERSON_HEX]

    def _redacted(self, row: Conversation) -> Conversation:
        if self._redactor is None:
            return row
        redactor, messages = self._redactor(), []
        for message in row.messages:
            text, spans = redactor.redact(message.content)
            self._pii.update(span.type for span in spans)
            messages.append(msgspec.structs.replace(message, content=text))
        return msgspec.structs.replace(row, messages=messages)

    def _check_rate(self, source: Source, rows: int, bad: list[BadRow]) -> None:
        if not rows:
            raise SourceError(
                f"{source.path}: holds no rows. Give it rows, or set "
                f"params.ingest.sources.{source.name}.enabled to false."
            )
        if len(bad) > self._max_bad_rate * rows:
            exits = sorted(Counter(row.exit for row in bad).items())
            listed = ", ".join(f"{count} {name}" for name, count in exits)
            raise SourceError(
                f"{source.path}: {len(bad)} of {rows} rows are bad ({listed}), more than "
                f"params.ingest.max_bad_rate {self._max_bad_rate} allows; the first is line "
                f"{bad[0].line}: {bad[0].problem}. Mend the file, or raise the rate."
            )


def _messages(line: int, raw: Sequence[RawMessage]) -> list[Message] | BadRow:
    """Return the messages with normalised text, or why they are no conversation to learn from."""
    messages: list[Message] = []
    for number, message in enumerate(raw):
        where = f"$.messages[{number}]"
        role = _ROLES.get(message.role)
        if role is None:
            # Anything but a plain word may be what somebody wrote.
            got = repr(message.role) if _ROLE_WORD.fullmatch(message.role) else "…"
            problem = f"expected role system|user|assistant, got {got} at {where}.role"
            return BadRow(line, "unknown_role", problem)
        content = records.normalise_text(message.content)
        if not content.strip():
            return BadRow(line, "empty", f"no text at {where}.content")
        messages.append(Message(role, content, message.strategy))
    roles = [message.role for message in messages]
    if "user" not in roles or "assistant" not in roles[roles.index("user") :]:
        return BadRow(line, "empty", "no assistant message after a user message at $.messages")
    return messages
