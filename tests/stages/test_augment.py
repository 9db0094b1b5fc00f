"""The augment stage, from files to files."""

from pathlib import Path

import msgspec
import pytest

from caretune import records
from caretune.errors import FilterError, LineageError
from caretune.lineage import ledger
from caretune.records import Conversation
from caretune.safety.chain import Chain
from stages import augment

PARAMS = Path(__file__).parents[2] / "params.yaml"


def run(folder: Path, train: Path, filters: Path) -> Path:
    """Run the stage and return the folder of what it wrote."""
    augment.main(
        train=train,
        filters=filters,
        out=folder / "augmented.jsonl",
        ledger=folder / "ledger.jsonl",
        metrics=folder / "augment.json",
        params=PARAMS,
    )
    return folder


@pytest.fixture
def train_file(tmp_path: Path, corpus_rows: list[Conversation]) -> Path:
    """Write twenty corpus rows as split/train.jsonl."""
    path = tmp_path / "train.jsonl"
    rows = corpus_rows[::2]
    records.write(
        path, [msgspec.structs.replace(row, split="train", family=row.id) for row in rows]
    )
    return path


def test_children_ledger_and_figures_agree(
    tmp_path: Path, train_file: Path, bundle_folder: Path
) -> None:
    """Every child is in the ledger, every row read has an edge, and the figures count the same."""
    out = run(tmp_path / "out", train_file, bundle_folder)
    parents = list(records.read(train_file, Conversation))
    children = list(records.read(out / "augmented.jsonl", Conversation))
    edges = ledger.read(out / "ledger.jsonl")
    ledger.check_conserved(edges, (row.id for row in parents), (row.id for row in children))
    figures = records.read_json(out / "augment.json")
    assert figures["train"] == len(parents) == 20
    assert figures["children"] == len(children) > 20
    assert figures["ledger"]["rows_written"] == len(children)
    assert figures["filters"] == Chain.load(bundle_folder).digest


def test_two_runs_write_equal_bytes(tmp_path: Path, train_file: Path, bundle_folder: Path) -> None:
    """The same rows and filters give the same files."""
    folders = [run(tmp_path / name, train_file, bundle_folder) for name in ("one", "two")]
    for name in ("augmented.jsonl", "ledger.jsonl", "augment.json"):
        first, second = ((folder / name).read_bytes() for folder in folders)
        assert first == second


def test_no_rows_give_no_children(tmp_path: Path, bundle_folder: Path) -> None:
    """An empty train file gives an empty file of children and null rates, not an error."""
    train = tmp_path / "train.jsonl"
    train.write_bytes(b"")
    out = run(tmp_path / "out", train, bundle_folder)
    assert (out / "augmented.jsonl").read_bytes() == b""
    assert records.read_json(out / "augment.json")["ratio"] is None


def test_rows_of_another_split_leave_nothing_written(
    tmp_path: Path, corpus_file: Path, bundle_folder: Path
) -> None:
    """Given the corpus and not train, the stage refuses and leaves no file."""
    with pytest.raises(LineageError, match="only train may have children"):
        run(tmp_path / "out", corpus_file, bundle_folder)
    assert not list((tmp_path / "out").iterdir())


def test_filters_that_are_missing_are_refused(tmp_path: Path, train_file: Path) -> None:
    """Without its filters the stage does not run on unchecked."""
    with pytest.raises(FilterError):
        run(tmp_path / "out", train_file, tmp_path / "nothing")
