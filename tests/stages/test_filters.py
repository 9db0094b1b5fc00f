"""The stage `filters` on a sample of the shipped messages."""

import json
from pathlib import Path

import pytest

from caretune.errors import FilterError, RecordError
from caretune.safety.chain import Chain
from stages import filters

_ROOT = Path(__file__).parents[2]


@pytest.fixture
def messages(tmp_path):
    """Every fourth message: enough for each head to see both answers in two folds."""
    folder = tmp_path / "raw"
    folder.mkdir()
    for path in sorted((_ROOT / "data/raw").glob("*.jsonl")):
        lines = path.read_text().splitlines(keepends=True)
        (folder / path.name).write_text("".join(lines[:: 1 if "messages" not in path.name else 2]))
    return folder


@pytest.fixture
def run(messages, tmp_path):
    """Run the stage with two folds."""
    params = (_ROOT / "params.yaml").read_text().replace("  folds: 5\n", "  folds: 2\n", 1)
    (tmp_path / "params.yaml").write_text(params)

    def call(out="out", patterns=_ROOT / "caretune/safety/patterns"):
        filters.main(
            messages=messages,
            patterns=patterns,
            out=tmp_path / out,
            metrics=tmp_path / f"{out}.json",
            params=tmp_path / "params.yaml",
        )
        return tmp_path / out

    return call


def test_stage_writes_a_bundle_that_loads_and_its_figures(run, tmp_path):
    """The chain loads what the stage wrote; the metrics name the same digest."""
    chain = Chain.load(run())
    figures = json.loads((tmp_path / "out.json").read_text())
    assert figures["digest"] == chain.digest
    assert figures["protocol_reviewed"] is False
    assert set(figures["pii"]) >= {"EMAIL", "NAME", "SSN"}
    assert figures["sequences"]["n"] == 80
    assert figures["decisions"]["crisis"]["any"]["recall"]["n"] > 0


@pytest.mark.slow
def test_two_runs_give_the_same_bytes(run, tmp_path):
    """Equal inputs, equal bundle and figures."""
    first, second = run("one"), run("two")
    assert [p.read_bytes() for p in sorted(first.iterdir())] == [
        p.read_bytes() for p in sorted(second.iterdir())
    ]
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_a_bad_row_is_named(run, messages):
    """The message ends in the path to the field."""
    path = messages / "messages_pii.jsonl"
    path.write_text(path.read_text() + '{"text": 1}\n')
    with pytest.raises(RecordError, match=r"messages_pii.jsonl line 241: .* at `\$.text`"):
        run()


def test_a_missing_pattern_file_is_named(run, tmp_path):
    """No bundle is written without all pattern families."""
    with pytest.raises(FilterError, match="no such pattern file"):
        run(patterns=tmp_path)
    assert not (tmp_path / "out").exists()
