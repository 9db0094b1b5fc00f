"""The data over its recorded versions."""

import msgspec
import pytest

from caretune.corpus import versions
from caretune.reports import trend
from tests.fixtures import data_figures


@pytest.fixture
def now():
    """The figures of this run, as they are read from their files."""
    return msgspec.to_builtins(data_figures.every())


def recorded(path, now, **changes):
    """Record the figures of this run, changed."""
    version = versions.describe("first", "ab" * 32, now)
    versions.append(path, msgspec.structs.replace(version, **changes))


def test_nothing_recorded_is_said_with_what_to_do(tmp_path, now):
    """A missing file and an empty one are the same."""
    path = tmp_path / "versions.jsonl"
    assert "caretune data record NAME" in trend.over_versions(path, now).html
    path.touch()
    assert "No version is recorded yet" in trend.over_versions(path, now).html


def test_this_run_comes_last_where_its_figures_are_others(tmp_path, now):
    """A version and the run after it are two points."""
    recorded(tmp_path / "versions.jsonl", now, sources={"dialogues": 3})
    drawn = trend.over_versions(tmp_path / "versions.jsonl", now).html
    assert ">first<" in drawn
    assert ">this run<" in drawn


def test_run_that_is_recorded_is_drawn_once(tmp_path, now):
    """The last version is this run."""
    recorded(tmp_path / "versions.jsonl", now)
    drawn = trend.over_versions(tmp_path / "versions.jsonl", now).html
    assert ">first<" in drawn
    assert ">this run<" not in drawn


def test_small_sources_are_one_line(tmp_path, now):
    """Names of many small sources would hide one another."""
    small = {f"small_{number}": number for number in range(1, 4)}
    recorded(tmp_path / "versions.jsonl", now, sources={"dialogues": 500, **small})
    drawn = trend.over_versions(tmp_path / "versions.jsonl", now).html
    assert ">4 small sources<" in drawn
    assert "small 1" not in drawn
