"""The data over its recorded versions: rows by source, and mean quality."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from caretune.corpus import versions
from caretune.corpus.versions import Version
from caretune.reports import figures
from caretune.reports.style import Fragment

_NOW = "this run"
_SMALL = 0.1
"""Share of the largest source's rows below which a source is drawn with the other small ones."""


def over_versions(path: Path, now: Mapping[str, Mapping[str, Any]]) -> Fragment:
    """Draw rows and mean quality over the recorded versions, and say where nothing is recorded.

    Args:
        path: The recorded versions, data/versions.jsonl; it may be missing.
        now: Stage -> figures of this run, which come last where the last version has others.

    Raises:
        RecordError: A line of the file is not a version.
    """
    recorded = versions.read(path)
    if not recorded:
        return Fragment(
            "<p>No version is recorded yet, so there is no trend to draw. "
            "<code>caretune data record NAME</code> records this run's figures.</p>"
        )
    current = versions.describe(_NOW, "", now)
    drawn = recorded if _same(recorded[-1], current) else [*recorded, current]
    names = [version.name for version in drawn]
    return figures.side_by_side(
        figures.trend("Rows by source", "rows that got in", names, _sources(drawn)),
        figures.trend("Mean quality", "of the rows that got in; 1 = best", names, _quality(drawn)),
    )


def _same(last: Version, current: Version) -> bool:
    """Tell whether the current figures are those recorded last."""
    return msgspec.structs.replace(current, name=last.name, corpus=last.corpus) == last


def _sources(drawn: list[Version]) -> dict[str, list[float | None]]:
    """Return source -> rows a version; the small sources are one line together."""
    most = {name: max(version.sources.get(name, 0) for version in drawn) for name in _all(drawn)}
    large = [name for name, rows in most.items() if rows > _SMALL * max(most.values())]
    lines: dict[str, list[float | None]] = {
        name: [version.sources.get(name) for version in drawn] for name in large
    }
    if small := [name for name in most if name not in large]:
        title = f"{len(small)} small sources"
        lines[title] = [sum(version.sources.get(name, 0) for name in small) for version in drawn]
    return lines


def _quality(drawn: list[Version]) -> dict[str, list[float | None]]:
    scores = sorted({name for version in drawn for name in version.quality})
    return {
        name: [version.quality.get(name, {}).get("after") for version in drawn] for name in scores
    }


def _all(drawn: list[Version]) -> list[str]:
    return sorted({name for version in drawn for name in version.sources})
