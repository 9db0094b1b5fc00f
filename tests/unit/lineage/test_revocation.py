"""caretune.lineage.revocation: the list of releases that must never be served again."""

import os

import pytest

from caretune.errors import LineageError
from caretune.lineage import revocation
from caretune.lineage.revocation import Watch

ONE, TWO = "1" * 64, "2" * 64


@pytest.fixture
def path(tmp_path):
    """Where the list lies beside a release folder that need not be there."""
    return revocation.beside(tmp_path / "models" / "release")


def test_no_list_revokes_nothing(path):
    """A fresh clone has none."""
    assert revocation.read(path) == {}
    assert Watch(path, ONE).reason() is None


def test_what_stands_in_the_list_stays(path):
    """The first reason holds; only what is new is appended and told. The whole file is compared."""
    assert revocation.add(path, {ONE: "first"}) == [ONE]
    assert revocation.add(path, {ONE: "again", TWO: "second"}) == [TWO]
    assert revocation.add(path, {ONE: "again"}) == []
    assert path.read_text() == f"{ONE} first\n{TWO} second\n"


def test_a_line_without_its_end_is_not_joined_with_the_next(path):
    """Somebody's editor left the last line feed out."""
    path.parent.mkdir()
    path.write_text(f"{ONE} by hand")
    revocation.add(path, {TWO: "second"})
    assert revocation.read(path) == {ONE: "by hand", TWO: "second"}


@pytest.mark.parametrize("line", [ONE, f"{ONE[:-1]} short", "", "release is bad"])
def test_a_line_that_is_no_entry_revokes_until_it_is_mended(path, line):
    """Whatever it said must hold: the error names the line, and the watch gives it as the reason."""
    path.parent.mkdir()
    path.write_text(f"{TWO} fine\n{line}\n")
    with pytest.raises(LineageError, match=r"revoked.txt line 2: expected `sha256 reason`"):
        revocation.read(path)
    watch = Watch(path, ONE)
    assert "line 2" in watch.reason()
    path.write_text(f"{TWO} fine\n")
    assert watch.reason() is None


@pytest.mark.parametrize("entry", [{"abc": "short"}, {ONE: ""}, {ONE: "two\nlines"}])
def test_an_entry_of_another_form_is_not_written(path, entry):
    """Nothing is added, not even the good part."""
    with pytest.raises(LineageError, match="nothing was added"):
        revocation.add(path, {TWO: "fine"} | entry)
    assert not path.exists()


def test_a_list_of_other_bytes_is_named(path):
    """Not text: the kind of error is told."""
    path.parent.mkdir()
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(LineageError, match=r"cannot be read \(UnicodeDecodeError\)"):
        revocation.read(path)


def test_a_watch_sees_an_entry_that_is_added_and_never_forgets_it(path):
    """Another release's entry does nothing; its own stays, also when the list is gone."""
    watch = Watch(path, ONE)
    assert watch.reason() is None
    revocation.add(path, {TWO: "another"})
    assert watch.reason() is None
    revocation.add(path, {ONE: "a reason"})
    assert watch.reason() == (
        "release 111111111111 is revoked: a reason. Serve another release (docs/forget.md)."
    )
    path.unlink()
    assert "is revoked" in watch.reason()


def test_a_list_that_is_not_reached_revokes(path):
    """Fails closed: a file where the folder should be."""
    path.parent.touch()
    assert "cannot be read (NotADirectoryError)" in Watch(path, ONE).reason()


def test_a_list_that_has_not_changed_is_not_read_again(path, monkeypatch):
    """One stat a request."""
    revocation.add(path, {TWO: "another"})
    reads = []
    monkeypatch.setattr(revocation, "read", lambda path: reads.append(path) or {})
    watch = Watch(path, ONE)
    assert [watch.reason(), watch.reason(), len(reads)] == [None, None, 1]
    os.utime(path, ns=(1, 1))
    assert (watch.reason(), len(reads)) == (None, 2)
