"""Inclusion proofs: one edge, under 1 KB, held against the root alone."""

import hashlib

import msgspec
import pytest

from caretune import records
from caretune.errors import LineageError, RecordError
from caretune.lineage import ledger
from caretune.lineage.ledger import Edge
from caretune.proof import inclusion


def name(n):
    """Return an id of 32 hex digits."""
    return hashlib.sha256(str(n).encode()).hexdigest()[:32]


def made(folder, size):
    """Write a ledger of `size` edges; return its path and the roots of a manifest."""
    path = folder / "safety_label.jsonl"
    edges = [Edge("safety-label", name(n), to=name(n)) for n in range(size)]
    return path, {"safety_label": ledger.write(path, edges).root}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 100, 101])
def test_each_edge_is_proved_by_the_root_alone(tmp_path, size):
    """Also in ledgers of odd lengths."""
    path, roots = made(tmp_path, size)
    proofs = list(inclusion.prove(path, lambda _: True))
    assert len(proofs) == size
    assert inclusion.check(proofs, roots) == size


def test_only_wanted_edges_are_proved(tmp_path):
    """A row that is not in the ledger has no proof."""
    path, _ = made(tmp_path, 9)
    assert [p.edge.to for p in inclusion.prove(path, lambda e: e.to == name(4))] == [name(4)]
    assert list(inclusion.prove(path, lambda e: e.to == "other")) == []


def test_a_proof_survives_its_file(tmp_path):
    """Written as a line and read back it still holds."""
    path, roots = made(tmp_path, 5)
    records.write(tmp_path / "proof", inclusion.prove(path, lambda _: True))
    assert inclusion.check(inclusion.read(tmp_path / "proof"), roots) == 5


def test_a_proof_of_608458_rows_stays_under_1000_bytes():
    """Twenty hashes, ids of 32 digits, and the longest stage."""
    edge = Edge("safety-label", name(1), to=name(1))
    path = inclusion.base64.b85encode(bytes(range(256)) * 2 + bytes(128)).decode()
    line = records.encode(inclusion.Proof(edge, 608_457, 608_458, path))
    assert len(path) == 800
    assert len(line) < 1000


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"edge": Edge("safety-label", name(0), to=name(1))}, id="edge"),
        pytest.param({"index": 9}, id="index"),
        pytest.param({"size": 1000}, id="size"),
        pytest.param({"path": ""}, id="no path"),
        pytest.param({"path": "not base85 \N{BULLET}"}, id="no base85"),
    ],
)
def test_an_altered_proof_is_refused(tmp_path, change):
    """Each field counts; the sentence names the row and the ledger."""
    path, roots = made(tmp_path, 9)
    proof = next(inclusion.prove(path, lambda e: e.to == name(0)))
    altered = msgspec.structs.replace(proof, **change)
    said = f"proof 1: the edge from {name(0)} is not in the safety_label ledger of this release"
    with pytest.raises(LineageError, match=said):
        inclusion.check([altered], roots)


def test_a_proof_of_another_release_is_refused(tmp_path):
    """Its root is another, or it has no such ledger."""
    path, _ = made(tmp_path, 9)
    proofs = list(inclusion.prove(path, lambda _: True))
    with pytest.raises(LineageError, match="The proof was altered, or is of another release"):
        inclusion.check(proofs, {"safety_label": "0" * 64})
    with pytest.raises(LineageError, match="the release has no ledger of stage 'safety_label'"):
        inclusion.check(proofs, {"split": "0" * 64})


def test_no_proof_is_no_success(tmp_path):
    """An empty file proves nothing, and a line of another kind is named."""
    with pytest.raises(LineageError, match="no proof in the file"):
        inclusion.check([], {})
    (tmp_path / "proof").write_text('{"edge": 1}\n')
    with pytest.raises(RecordError, match="proof line 1"):
        inclusion.read(tmp_path / "proof")
