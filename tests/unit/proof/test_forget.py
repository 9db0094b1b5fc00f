"""caretune.proof.forget: what rows have touched, whatever the version of the files."""

import json

import pytest

from caretune.lineage.suppression import Entry
from caretune.proof import forget
from caretune.proof.forget import FILES, Release, Touched

ROW, CHILD, OTHER, EXPERT = "a" * 32, "b" * 32, "c" * 32, "d" * 32
TAUGHT = frozenset({"dialogues"})


@pytest.fixture
def files(tmp_path):
    """Write rows into the files of a run; those not named are empty."""

    def write(**rows):
        found = {}
        for name in FILES:
            path = tmp_path / f"{name}.jsonl"
            path.parent.mkdir(exist_ok=True)
            lines = [json.dumps(row) + "\n" for row in rows.get(name.replace("/", "_"), [])]
            path.write_text("".join(lines))
            found[name] = path
        return found

    return write


def row(name, **fields):
    """A row with a field of a later version of the schema."""
    return {"id": name, "source": "chat", "made_up_later": 1, **fields}


@pytest.mark.parametrize(
    ("place", "learnt"),
    [
        pytest.param("split_train", ["base"], id="base"),
        pytest.param("labelled_train", ["adapter"], id="adapter"),
        pytest.param("labelled_validation", ["adapter"], id="best step"),
        pytest.param("labelled_test", [], id="test"),
        pytest.param("split_validation", [], id="held out"),
        pytest.param("corpus", [], id="corpus"),
    ],
)
def test_where_a_row_stands_tells_which_part_learnt_from_it(files, place, learnt):
    """Test rows measure; what is chosen by a row learnt from it."""
    found = forget.touched(Entry("row", ROW), files(**{place: [row(ROW), row(OTHER)]}), TAUGHT)
    assert found.learnt == learnt
    assert found.rows == {place.replace("_", "/", 1): [ROW]}


def test_a_row_whose_file_the_filters_read_too_taught_them(files):
    """Its source says so."""
    found = files(corpus=[row(ROW, source="dialogues")])
    assert forget.touched(Entry("row", ROW), found, TAUGHT).learnt == ["filters"]
    assert forget.touched(Entry("row", ROW), found, frozenset()).learnt == []


def test_a_row_that_the_door_turned_away_may_have_taught_the_filters(files):
    """They read the file itself; of another source's row they know nothing."""
    left = {ROW: "dialogues", OTHER: "chat"}
    for entry, learnt in (
        (Entry("row", ROW), ["filters"]),
        (Entry("source", "dialogues"), ["filters"]),
        (Entry("row", OTHER), []),
        (Entry("row", CHILD), []),
    ):
        assert forget.touched(entry, files(), TAUGHT, left).learnt == learnt


def test_children_and_expert_examples_are_the_rows_own(files):
    """By parent and by conversation; other rows stay out."""
    found = forget.touched(
        Entry("row", ROW),
        files(
            corpus=[row(ROW), row(OTHER)],
            augmented=[row(CHILD, parent=ROW), row("e" * 32, parent=OTHER)],
            split_expert=[{"id": EXPERT, "conversation": ROW, "family": ROW}],
            labelled_train=[row(CHILD, parent=ROW)],
        ),
        TAUGHT,
    )
    assert found.rows == {
        "corpus": [ROW],
        "split/expert": [EXPERT],
        "augmented": [CHILD],
        "labelled/train": [CHILD],
    }
    assert found.learnt == ["adapter"]
    assert found.families == [ROW]


@pytest.mark.parametrize("entry", [Entry("source", "diary"), Entry("person", "f" * 32)])
def test_all_rows_of_a_source_or_a_person_are_meant(files, entry):
    """And an expert example of one of them, which bears neither."""
    mine = {"source": "diary", "person": "f" * 32}
    found = forget.touched(
        entry,
        files(
            corpus=[row(ROW, **mine), row(OTHER), row(CHILD, **mine)],
            split_expert=[{"id": EXPERT, "conversation": CHILD}],
        ),
        TAUGHT,
    )
    assert found.rows == {"corpus": [ROW, CHILD], "split/expert": [EXPERT]}


def test_files_whose_bytes_are_not_here_are_unknown_and_not_empty(files):
    """Nobody can tell what they held."""
    found = {**files(), "corpus": None}
    found.pop("labelled/train")
    found.pop("split/test")  # nothing learns from it
    assert forget.touched(Entry("row", ROW), found, TAUGHT).unknown == ["corpus", "labelled/train"]


def test_releases_that_learnt_are_revoked_and_no_other():
    """A person's hash does not stand in the reason, for everybody reads it."""
    learnt = Touched({"corpus": [ROW]}, ["base", "adapter"], [], [])
    measured = Touched({"labelled/test": [ROW]}, [], [], [])
    releases = [
        Release("1" * 64, ["v1"], learnt),
        Release("2" * 64, [], measured),
        Release(None, [], learnt),
    ]
    assert forget.to_revoke(releases, Entry("row", ROW)) == {
        "1" * 64: "its base, adapter learnt from the row aaaaaaaaaaaa that is suppressed"
    }
    (reason,) = forget.to_revoke(releases, Entry("person", OTHER)).values()
    assert reason == "its base, adapter learnt from a person that is suppressed"


def test_the_digest_of_a_release_is_that_of_its_manifest(tmp_path):
    """None where it is not here."""
    path = tmp_path / "manifest.json"
    path.write_bytes(b"")
    found = Touched({}, [], [], [])
    assert forget.released(path, ["v1"], found).digest == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )
    assert forget.released(None, ["v1"], found) == Release(None, ["v1"], found)


def test_relatives_are_the_rows_of_its_families_that_stay(files):
    """Neither the row itself nor children."""
    path = files(
        split_train=[
            row(ROW, family="f"),
            row(OTHER, family="f"),
            row(CHILD, family="f", parent=OTHER),
            row(EXPERT, family="g"),
        ]
    )["split/train"]
    assert forget.relatives(path, Entry("row", ROW), ["f"]) == [OTHER]
