"""What a set of rows holds: counts of its fields, that can be added up and taken back."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from caretune import records
from caretune.records import Conversation

_FIELDS = ("source", "domain", "difficulty", "severity", "license")
_ABSENT = "unlabelled"


class Contents:
    """Counts rows by field; of shards merged in any order it is the same."""

    def __init__(self) -> None:
        self.fields = {name: Counter[str]() for name in _FIELDS}
        """Field -> word -> rows."""
        self.messages = Counter[str]()
        """Role -> messages."""
        self.persons = Counter[str]()
        """Keyed hash of an author -> rows."""

    def add(self, row: Conversation, times: int = 1) -> None:
        """Count a row; -1 takes it back."""
        values = (row.source, row.domain, row.difficulty, records.crisis_severity(row), row.license)
        for name, value in zip(_FIELDS, values, strict=True):
            self.fields[name][value or _ABSENT] += times
        for message in row.messages:
            self.messages[message.role] += times
        if row.person is not None:
            self.persons[row.person] += times

    def merge(self, other: "Contents") -> None:
        """Add what another one counted."""
        for name, counts in other.fields.items():
            self.fields[name].update(counts)
        self.messages.update(other.messages)
        self.persons.update(other.persons)

    @property
    def total(self) -> int:
        """Rows in all."""
        return self.fields["source"].total()

    def figures(self) -> dict[str, Any]:
        """Return the counts; `unlabelled` counts the rows without that field."""
        rows = {name: _counted(counts) for name, counts in self.fields.items()}
        return {
            "rows": {"total": self.total, **rows},
            "messages": _counted(self.messages),
            "persons": len(_counted(self.persons)),
        }


def _counted(counts: Mapping[str, int]) -> dict[str, int]:
    """Return what is left after rows were taken back."""
    return {name: count for name, count in sorted(counts.items()) if count}
