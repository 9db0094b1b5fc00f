"""The safety-label stage, from files to files."""

from pathlib import Path

import msgspec
import pytest

from caretune import records
from caretune.corpus import safety_label as labels
from caretune.errors import CaretuneError
from caretune.lineage import ledger
from caretune.records import Conversation
from caretune.safety.chain import Chain
from stages import safety_label

PARAMS = Path(__file__).parents[2] / "params.yaml"
SPLITS = ("train", "validation", "test")


def run(folder: Path) -> Path:
    """Run the stage on a folder's split and children and return the folder of what it wrote."""
    out = folder / "out"
    safety_label.main(
        split=folder / "split",
        augmented=folder / "augmented.jsonl",
        filters=folder / "filters",
        out=out / "labelled",
        ledger=out / "ledger.jsonl",
        metrics=out / "safety_label.json",
        params=PARAMS,
    )
    return out


@pytest.fixture
def given(tmp_path: Path, corpus_rows: list[Conversation], bundle_folder: Path) -> Path:
    """Ten train, five validation, five test rows, and eight children of train rows."""
    (tmp_path / "filters").symlink_to(bundle_folder)
    placed = [
        msgspec.structs.replace(row, split=name, family=row.id)
        for row, name in zip(
            corpus_rows, ["train"] * 10 + ["validation"] * 5 + ["test"] * 5, strict=False
        )
    ]
    for name in SPLITS:
        path = tmp_path / "split" / f"{name}.jsonl"
        records.write(path, [row for row in placed if row.split == name])
    children = [
        msgspec.structs.replace(row, id=f"{place:032x}", parent=row.id, source="augment/paraphrase")
        for place, row in enumerate(placed[:8])
    ]
    records.write(tmp_path / "augmented.jsonl", children)
    return tmp_path


def labelled(out: Path, name: str) -> list[Conversation]:
    """Read the labelled rows of a split."""
    return list(records.read(out / "labelled" / f"{name}.jsonl", Conversation))


def test_every_row_is_labelled_under_the_bundle_that_did_it(given: Path) -> None:
    """Each row written carries filter labels with the digest of the bundle; gold is untouched."""
    out = run(given)
    digest = Chain.load(given / "filters").digest
    before = {
        row.id: row
        for n in SPLITS
        for row in records.read(given / f"split/{n}.jsonl", Conversation)
    }
    rows = [row for name in SPLITS for row in labelled(out, name)]
    assert {row.filter.digest for row in rows} == {digest}
    originals = [row for row in rows if row.parent is None]
    assert all(msgspec.structs.replace(row, filter=None) == before[row.id] for row in originals)


def test_a_quarter_of_the_children_enters_training(given: Path) -> None:
    """Of eight children two are in labelled/train, the six others leave as not_sampled."""
    out = run(given)
    train = labelled(out, "train")
    assert sum(row.parent is not None for row in train) == 2
    edges = ledger.read(out / "ledger.jsonl")
    assert [edge.exit for edge in edges].count("not_sampled") == 6
    assert {name: len(labelled(out, name)) for name in ("validation", "test")} == {
        "validation": 5,
        "test": 5,
    }


def test_rows_read_are_rows_written_and_exits(given: Path) -> None:
    """The ledger accounts for all 28 rows, and the figures count the same."""
    out = run(given)
    edges = ledger.read(out / "ledger.jsonl")
    figures = records.read_json(out / "safety_label.json")
    written = sum(len(labelled(out, name)) for name in SPLITS)
    assert len(edges) == 28 == written + sum(figures["ledger"]["exits"].values())
    assert sum(figures["rows"].values()) == written
    assert figures["n"] + figures["unscored"] == sum(
        count for row in figures["gold_filter"].values() for count in row.values()
    )


def test_two_runs_write_equal_bytes(given: Path) -> None:
    """The same rows and filters give the same files."""
    out = run(given)
    names = sorted(path for path in out.rglob("*") if path.is_file())
    first = [path.read_bytes() for path in names]
    run(given)
    assert first == [path.read_bytes() for path in names]
    assert len(names) == 5


def test_a_missing_split_is_named(given: Path) -> None:
    """Without split/test.jsonl the stage says which file is missing."""
    (given / "split/test.jsonl").unlink()
    with pytest.raises(CaretuneError, match=r"test\.jsonl: no such file"):
        run(given)


def test_the_chain_is_what_the_library_asks_for(bundle_folder: Path) -> None:
    """The real chain labels a row through the library's protocol."""
    filters: labels.Filters = Chain.load(bundle_folder)
    turns = [
        records.Message("user", "I want to kill myself tonight."),
        records.Message("assistant", "I'm glad you told me. Are you alone?"),
    ]
    row = Conversation(id="0" * 32, source="s", license="l", messages=turns)
    found = labels.label(row, filters, drop_unsafe_replies=True, max_toxic_reply_score=0.9)
    assert found.row.filter.crisis.severity == "imminent"
