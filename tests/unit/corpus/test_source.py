"""Sources are there, and have the bytes that params name."""

import hashlib

import pytest

from caretune.corpus import source as data_source
from caretune.errors import SourceError
from tests.fixtures.corpus import source

URL = "https://data.example/table.csv"


def test_the_right_bytes_pass(tmp_path):
    """A file with the digest that params name is accepted."""
    path = tmp_path / "a.jsonl"
    path.write_text("{}\n")
    data_source.check_bytes(source(path, "chat"))


def test_other_bytes_are_refused_with_their_digest(tmp_path):
    """An edited file is refused; the sentence gives the digest that params would need."""
    path = tmp_path / "a.jsonl"
    path.write_text("{}\n")
    expected = source(path, "chat")
    path.write_text("{} \n")
    found = hashlib.sha256(b"{} \n").hexdigest()
    with pytest.raises(SourceError) as caught:
        data_source.check_bytes(expected)
    assert str(caught.value).startswith(f"{path}: has sha256 {found}, but params.ingest.sources.")
    assert str(caught.value).endswith(f"set params.ingest.sources.chat.sha256 to {found}")


def test_a_missing_file_ends_with_the_command_that_fetches_it(tmp_path):
    """The last words are the exact command."""
    path = tmp_path / "external" / "table.csv"
    with pytest.raises(SourceError) as caught:
        data_source.check_bytes(source(path, "chat", url=URL))
    assert str(caught.value).endswith(f": dvc import-url {URL} {path}")


def test_a_missing_file_without_url_says_what_to_do(tmp_path):
    """Where no command fetches the file, the sentence names the two ways out."""
    with pytest.raises(SourceError, match=r"no such file.*Put it there, or set .*chat\.enabled"):
        data_source.check_bytes(source(tmp_path / "none.jsonl", "chat"))
