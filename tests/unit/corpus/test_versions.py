"""Recorded versions: one line of figures each, no corpus and no name twice."""

import msgspec
import pytest

from caretune.corpus import versions
from caretune.errors import LineageError, RecordError


def score(n, mean):
    """Build the figures of one score."""
    return {"n": n, "mean": mean, "histogram": [n]}


FIGURES = {
    "ingest": {
        "rows": {"total": 12, "source": {"dialogues": 12}},
        "ledger": {"exits": {"duplicate": 1}},
        "quality": {
            "dialogues": {"scores": {"fit": {"before": score(10, 0.5), "after": score(9, 0.75)}}},
            "mibot": {
                "scores": {
                    "fit": {"before": score(30, 0.1), "after": score(1, 0.25)},
                    "coherence": {"before": score(0, None), "after": score(0, None)},
                }
            },
        },
    },
    "split": {
        "splits": {"train": {"rows": 8}, "test": {"rows": 3}},
        "expert": {"found": {"examples": 1}},
        "ledger": {"exits": {}},
    },
    "augment": {"ratio": 3.4},
    "leak_proof": {"families_shared": 0},
}
FIRST = versions.describe("first", "ab" * 32, FIGURES)


def test_a_version_holds_what_the_trend_needs():
    """Rows by source, mean scores over the rows of all sources, exits, splits and the ratio."""
    expected = versions.Version(
        name="first",
        corpus="ab" * 32,
        rows=12,
        sources={"dialogues": 12},
        quality={
            "coherence": {"before": None, "after": None},
            "fit": {"before": 0.2, "after": 0.7},
        },
        exits={"ingest": {"duplicate": 1}},
        splits={"train": 8, "test": 3, "expert": 1},
        augmentation_ratio=3.4,
    )
    assert versions.describe("first", "ab" * 32, FIGURES) == expected


def test_figures_without_quality_have_none():
    """What was not measured is absent."""
    plain = {**FIGURES, "ingest": {**FIGURES["ingest"], "quality": {}}, "augment": {}}
    made = versions.describe("plain", "cd" * 32, plain)
    assert (made.quality, made.augmentation_ratio) == ({}, None)


def test_versions_are_read_as_they_were_recorded(tmp_path):
    """Oldest first; before the first there is none."""
    path = tmp_path / "versions.jsonl"
    second = msgspec.structs.replace(FIRST, name="second", corpus="cd" * 32)
    assert versions.read(path) == []
    versions.append(path, FIRST)
    versions.append(path, second)
    assert versions.read(path) == [FIRST, second]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"corpus": "cd" * 32}, "has a version first already. Give another name"),
        ({"name": "second"}, "this corpus is recorded already, as first"),
    ],
)
def test_nothing_is_recorded_twice(tmp_path, changes, words):
    """One name, one corpus: a second record of either is refused and the file stays."""
    path = tmp_path / "versions.jsonl"
    versions.append(path, FIRST)
    before = path.read_bytes()
    with pytest.raises(LineageError, match=words):
        versions.append(path, msgspec.structs.replace(FIRST, **changes))
    assert path.read_bytes() == before


def test_a_line_of_another_kind_is_refused(tmp_path):
    """A broken line is named."""
    path = tmp_path / "versions.jsonl"
    path.write_text('{"name": 3}\n')
    with pytest.raises(RecordError, match=r"versions\.jsonl line 1"):
        versions.read(path)
