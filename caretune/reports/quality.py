"""Quality before and after the door: the scores, and the rows that left or were spared for them."""

from collections.abc import Mapping, Sequence
from typing import Any

from caretune.corpus import versions
from caretune.reports import style, tables
from caretune.reports.style import Fragment

Quality = Mapping[str, Mapping[str, Any]]
"""Source -> figures: `quality` of reports/data/ingest.json."""

_STAGES = ("before", "after")
_MEANINGS = {
    "coherence": "the reply speaks of what the client spoke of",
    "fit": "words of feelings, problems and counselling",
    "language": "English; 0 = another language",
    "naturalness": "prose; 0 = markup, signs or broken characters",
    "specificity": "the reply is to this person; 0 = to anybody",
    "transcription_quality": "what was said was heard; 0 = gaps and guesses",
    "variety": "nothing is said twice; 0 = a loop",
}


def scores(quality: Quality) -> Fragment:
    """Draw a histogram of each score over all sources: what stayed, and above it what left."""
    means = versions.means(quality)
    return style.draw("grid", style.join(_score(quality, name, means[name]) for name in means))


def by_source(quality: Quality) -> Fragment:
    """Tabulate the mean of each score by source, after and before the door; low ones are tinted."""
    names = _named(quality, "scores")
    rows = [
        [style.words(source), *(_mean(found["scores"].get(name)) for name in names)]
        for source, found in quality.items()
    ]
    return tables.table(["source", *map(style.words, names)], rows)


def exits(quality: Quality) -> Fragment:
    """Tabulate how many rows of each source left for their quality, and how many were spared."""
    names = _named(quality, "exits", "spared")
    if not names:
        return style.draw("paragraph", "No row left for its quality.")
    rows = [
        [style.words(source), *(_left(found, name) for name in names)]
        for source, found in quality.items()
    ]
    whole = {
        part: {name: sum(found[part].get(name, 0) for found in quality.values()) for name in names}
        for part in ("exits", "spared")
    }
    rows.append([Fragment("<b>all</b>"), *(_left(whole, name) for name in names)])
    return tables.table(["source", *map(style.words, names)], rows)


def _score(quality: Quality, name: str, means: Mapping[str, float | None]) -> Fragment:
    found = [source["scores"][name] for source in quality.values() if name in source["scores"]]
    before, after = (_summed([one[stage]["histogram"] for one in found]) for stage in _STAGES)
    said = " → ".join(style.quantity(means[stage]) for stage in _STAGES)
    counted = " → ".join(style.count(sum(bins)) for bins in (before, after))
    return style.draw(
        "figure",
        title=f"{style.title(name)}: {said}",
        subtitle=f"{_MEANINGS.get(name, '1 = best')}; n = {counted}",
        drawing=style.draw("histogram", before, after, f"{style.words(name)}: mean {said}"),
    )


def _summed(histograms: Sequence[Sequence[int]]) -> list[int]:
    return [sum(bins) for bins in zip(*histograms, strict=True)]


def _mean(found: Mapping[str, Any] | None) -> Fragment | None:
    """Draw the mean after the door with that before; None where no row could be scored."""
    before, after = (None if found is None else found[stage]["mean"] for stage in _STAGES)
    if before is None:
        return None
    if after is None:
        return style.draw("tinted", "none left", f"from {before:.2f}", 0.0, "open")
    return style.draw("tinted", f"{after:.2f}", f"from {before:.2f}", 1 - after, "open")


def _left(found: Mapping[str, Any], name: str) -> Fragment:
    left, spared = found["exits"].get(name, 0), found["spared"].get(name, 0)
    if not left and not spared:
        return Fragment("")
    note = f"<small>{style.count(spared)} spared</small>" if spared else ""
    return Fragment(f"{style.count(left)}{note}")


def _named(quality: Quality, *parts: str) -> list[str]:
    """Return every name that stands in some parts of any source."""
    return sorted({name for found in quality.values() for part in parts for name in found[part]})
