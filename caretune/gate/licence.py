"""Licence as a gate: one row whose licence forbids the intended use stops the candidate.

Not legal advice: the rule holds the rows' stated licences against the table of
caretune/corpus/licences.yaml, and against nothing else.
"""

from collections import Counter
from collections.abc import Iterable

from caretune.corpus import licences
from caretune.gate import rules
from caretune.gate.verdict import RuleResult
from caretune.records import Conversation

_LISTED = 5
"""Rows named in the detail, those with the lowest ids; the counts are of all."""


def permits(rows: Iterable[Conversation], intended_use: str) -> RuleResult:
    """Every row's licence allows the intended use, and there is a row; binds at every level.

    Args:
        rows: What was trained and measured on; read once, so that a stream will do. A row that
            stands in several files counts once among the forbidden.
        intended_use: research, commercial or redistribution. A licence that is not in the table
            allows none.
    """
    forbidden: dict[str, tuple[str, str]] = {}
    n = 0
    for row in rows:
        n += 1
        if not licences.permits(row.license, intended_use):
            forbidden[row.id] = row.license, row.source
    detail = None if n else "no row was read, so that nothing is known of any licence"
    if forbidden:
        counted = ", ".join(
            f"{count} of {source} under {license_}"
            for (license_, source), count in sorted(Counter(forbidden.values()).items())
        )
        listed = ", ".join(sorted(forbidden)[:_LISTED])
        more = ", ..." if len(forbidden) > _LISTED else ""
        detail = (
            f"{intended_use} use is forbidden for {counted}: rows {listed}{more}. Set the source's "
            "enabled to false in params.ingest, or change params.gate.intended_use"
        )
    return rules.count(
        "licence",
        "rows_forbidden",
        value=len(forbidden) if n else None,
        at="most",
        threshold=0,
        n=n,
        binds=True,
        detail=detail,
    )
