"""caretune.proof.certificate: searching files for ids, and what is said of them."""

import pytest

from caretune.lineage import ledger
from caretune.lineage.ledger import Edge
from caretune.lineage.suppression import Entry, sets
from caretune.proof import certificate
from caretune.proof.certificate import Certificate, Place
from caretune.proof.forget import Release, Touched

ROW, OTHER = "ab" * 16, "c" * 32


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f'{{"id":"{ROW}"}}', id="json"),
        pytest.param(f"<td>{ROW}</td>", id="html"),
        pytest.param(f"{ROW}", id="alone"),
        pytest.param(f"\x00\xff{ROW}\x00", id="binary"),
    ],
)
def test_an_id_is_found_in_a_file_of_any_format(tmp_path, text):
    """Once, however often it stands there."""
    path = tmp_path / "file"
    path.write_text(f"{text} {text}", encoding="latin-1")
    assert certificate.mentions(path, frozenset({ROW, OTHER})) == 1
    assert certificate.mentions(path, frozenset({OTHER})) == 0


MANY = frozenset(f"{number:032x}" for number in range(40))


@pytest.mark.parametrize("others", [frozenset(), MANY], ids=["few", "many"])
@pytest.mark.parametrize("before", range(0, 70, 7))
def test_an_id_that_two_blocks_share_is_found(tmp_path, monkeypatch, before, others):
    """Wherever the cut falls, and however many are looked for."""
    monkeypatch.setattr(certificate, "_BLOCK_BYTES", 40)
    path = tmp_path / "file"
    path.write_text(f"{' ' * before}{ROW}{' ' * 50}")
    assert certificate.mentions(path, frozenset({ROW}) | others) == 1


@pytest.fixture
def path(tmp_path):
    """A ledger in which one row passed and one left as suppressed."""
    found = tmp_path / "ingest.jsonl"
    why = sets([Entry("row", OTHER)]).covers(OTHER, "chat")
    edges = [
        Edge("ingest", "chat:1", to=ROW),
        Edge("ingest", "chat:2", exit="suppressed", detail=why),
        Edge("ingest", "chat:3", exit="empty", detail=why),
    ]
    ledger.write(found, edges)
    return found


def test_a_row_that_left_is_no_row_that_passed(path):
    """The exit tells its id, and does not count."""
    assert certificate.passed(path, frozenset({ROW})) == 1
    assert certificate.passed(path, frozenset({OTHER})) == 0
    assert certificate.mentions(path, frozenset({OTHER})) == 1


def test_the_ledger_tells_which_rows_an_entry_has_kept_out(path):
    """As the door writes it; another entry has none."""
    assert certificate.names(Entry("row", OTHER), [path]) == {OTHER}
    assert certificate.names(Entry("source", "chat"), [path]) == set()
    why = sets([Entry("source", "chat")]).covers(ROW, "chat")
    ledger.write(path, [Edge("ingest", "chat:2", exit="suppressed", detail=why)])
    assert certificate.names(Entry("source", "chat"), [path]) == {ROW}


def test_releases_are_told_by_what_they_learnt():
    """Revoked, measured only, not known; one that never met the row is not told of."""
    releases = [
        Release("1" * 64, ["v1"], Touched({"corpus": [ROW]}, ["base"], [], [])),
        Release("2" * 64, ["v2"], Touched({"labelled/test": [ROW]}, [], [], [])),
        Release(None, ["v3"], Touched({"corpus": [ROW]}, [], ["labelled/train"], [])),
        Release("4" * 64, ["v4"], Touched({}, [], [], [])),
    ]
    found = {place.where: place.holds for place in certificate.of_releases(releases)}
    assert found == {
        f"{'1' * 64}, v1": "yes: base",
        f"{'2' * 64}, v2": "measured on it, learnt nothing",
        "a release whose manifest is not here, v3": "not known: labelled/train not here",
    }
    assert certificate.revoked(releases) == {"1" * 64: ["v1"]}


def test_the_text_says_all_that_the_certificate_holds():
    """The whole page is compared."""
    found = Certificate(
        format=1,
        kind="row",
        key=ROW,
        date="2026-03-01",
        clean=False,
        faults=["data/corpus.jsonl holds 1 of its ids"],
        rows=1,
        searched={"data/corpus.jsonl": 1},
        suppressed_sha256="s",
        release=None,
        revoked={"1": ["v1"], "2": []},
        held=[Place("cache", "ab/cd", "yes", "delete it")],
    )
    assert certificate.text(found) == (
        f"Certificate of forgetting: row {ROW}\n"
        "Date: 2026-03-01\n"
        "Current files: NOT CLEAN\n"
        "  fault: data/corpus.jsonl holds 1 of its ids\n"
        "Rows that are meant: 1\n"
        "Current release: none\n"
        "Suppression list: sha256 s\n"
        "\n"
        "Current files looked into (1), and ids found:\n"
        "  data/corpus.jsonl: 1\n"
        "\n"
        "Releases that learnt from it (2), all revoked:\n"
        "  1: v1\n"
        "  2: no name\n"
        "\n"
        "Still held, or not to be seen from here (1):\n"
        "  cache: ab/cd\n"
        "    holds it: yes\n"
        "    do: delete it\n"
    )
