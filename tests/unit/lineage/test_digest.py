"""Digests: equal content has one name, any difference another."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caretune import records
from caretune.errors import LineageError
from caretune.lineage import digest

TEXT = st.text(max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def folder(tmp_path):
    """Two files, one in a folder below."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.txt").write_bytes(b"one")
    (tmp_path / "sub/b.txt").write_bytes(b"two")
    return tmp_path


def test_sha256_is_the_published_one():
    """The digest of "abc" is that of FIPS 180-2, appendix B.1."""
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest.sha256_bytes(b"abc") == known


@given(st.dictionaries(TEXT, JSON, max_size=4))
def test_the_order_of_keys_does_not_count(value):
    """Canonical JSON sorts keys at every depth."""
    turned = dict(reversed(value.items()))
    assert digest.sha256_value(turned) == digest.sha256_value(value)


@given(JSON, JSON)
def test_different_values_have_different_bytes(one, other):
    """Canonical JSON keeps every difference, as the standard library's does: 1 is not true."""
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (records.encode(one) == records.encode(other)) == same


def test_canonical_json_is_utf8_without_spaces():
    """The bytes are those that other programs can make again."""
    assert records.encode({"b": [1, None], "a": "é"}) == '{"a":"é","b":[1,null]}'.encode()


def test_a_file_is_hashed_whole_across_pieces(tmp_path):
    """A file longer than a piece has the digest of its bytes."""
    (tmp_path / "f").write_bytes(b"xyz" * (1 << 20))
    assert digest.sha256_file(tmp_path / "f") == digest.sha256_bytes(b"xyz" * (1 << 20))


def test_a_missing_file_is_one_sentence(tmp_path):
    """Not a traceback: the file and the command that makes it."""
    with pytest.raises(LineageError, match=r"gone: no such file to hash\. Run `dvc repro`"):
        digest.sha256_file(tmp_path / "gone")


def test_a_folder_is_named_by_names_and_bytes(folder):
    """Moving a folder changes nothing; renaming a file, changing or adding one does."""
    before = digest.sha256_folder(folder)
    moved = folder.rename(folder.with_name("elsewhere"))
    assert digest.sha256_folder(moved) == before
    (moved / "a.txt").rename(moved / "c.txt")
    assert digest.sha256_folder(moved) != before
    (moved / "c.txt").rename(moved / "a.txt")
    assert digest.sha256_folder(moved) == before
    (moved / "a.txt").write_bytes(b"onE")
    assert digest.sha256_folder(moved) != before


def test_what_tools_leave_behind_does_not_count(folder):
    """Byte code and DVC's .gitignore files are nobody's data."""
    before = digest.sha256_folder(folder)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__/a.pyc").write_bytes(b"x")
    (folder / "sub/.gitignore").write_bytes(b"/b.txt")
    assert digest.sha256_folder(folder) == before


def test_a_folder_below_an_ignored_name_is_still_hashed(tmp_path):
    """Only what lies inside the folder is judged, not where the folder lies."""
    inside = tmp_path / "__pycache__"
    inside.mkdir()
    (inside / "a.txt").write_bytes(b"x")
    assert list(digest.folder_files(inside)) == ["a.txt"]


@pytest.mark.parametrize("made", [True, False])
def test_an_empty_or_missing_folder_is_refused(tmp_path, made):
    """Nothing has no digest: a folder that should hold files and does not is an error."""
    folder = tmp_path / "empty"
    if made:
        folder.mkdir()
    with pytest.raises(LineageError, match=r"empty: no files to hash\. Run `dvc repro`"):
        digest.folder_files(folder)


def test_every_difference_is_named():
    """Missing, altered and extra files, sorted by name; equal ones are not named."""
    found = digest.differences({"a": "1", "b": "2", "d": "4"}, {"b": "9", "c": "3", "d": "4"})
    assert found == {
        "a": "is missing",
        "b": "has sha256 9, the manifest says 2",
        "c": "is not in the manifest",
    }


def test_files_of_places_are_named_by_their_place(tmp_path):
    """A file bears the name of its place, a file in a folder its way in it; absent ones have none."""
    (tmp_path / "folder/deep").mkdir(parents=True)
    (tmp_path / "folder/deep/one").write_text("1")
    (tmp_path / "folder/.gitignore").write_text("one")
    (tmp_path / "two").write_text("2")
    places = {"b": tmp_path / "two", "a": tmp_path / "folder", "c": tmp_path / "nowhere"}
    assert digest.named_paths(places) == {
        "a/deep/one": tmp_path / "folder/deep/one",
        "b": tmp_path / "two",
    }
    assert digest.sha256_files(places) == {
        "a/deep/one": digest.sha256_bytes(b"1"),
        "b": digest.sha256_bytes(b"2"),
    }
