"""The stage `filters` on a sample of the shipped messages."""

import hashlib
import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from caretune.errors import FilterError, RecordError, SourceError
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


@pytest.fixture
def learning(run, tmp_path):
    """Run the stage with a set of other people's to learn from, in the shape of guardian_crisis."""

    def call(digest=None):
        path = tmp_path / "foreign.jsonl"
        levels = [("CRITICAL", "the ledge is cold tonight"), ("LOW", "this queue kills me, ha")]
        records = [
            {"instruction": f"User: '{said} {number}'", "output": f"RISK LEVEL: {level}"}
            for number in range(30)
            for level, said in levels
        ]
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        params = YAML(typ="rt")
        content = params.load(tmp_path / "params.yaml")
        digest = digest or hashlib.sha256(path.read_bytes()).hexdigest()
        content["filters"]["development_use"] = "teach"
        content["filters"]["development"] = {
            "guardian_crisis": [{"path": str(path), "sha256": digest}]
        }
        params.dump(content, tmp_path / "params.yaml")
        return run()

    return call


def test_other_peoples_texts_can_teach(learning, tmp_path):
    """A set that params name is learnt from, and each of its rows is judged by a fold without it."""
    learning()
    figures = json.loads((tmp_path / "out.json").read_text())
    assert figures["development_use"] == "teach"
    assert figures["development"]["guardian_crisis"]["risk"]["recall"]["n"] == 30
    assert figures["decisions"]["crisis"]["any"]["recall"]["n"] > 900


def test_other_bytes_of_a_set_are_refused(learning, tmp_path):
    """The sentence names the field and gives the digest that was found; nothing is written."""
    field = r"params\.filters\.development\.guardian_crisis\[0\]\.sha256"
    with pytest.raises(SourceError, match=f"{field} says 0000"):
        learning(digest="0" * 64)
    assert not (tmp_path / "out").exists()


def test_a_missing_pattern_file_is_named(run, tmp_path):
    """No bundle is written without all pattern families."""
    with pytest.raises(FilterError, match="no such pattern file"):
        run(patterns=tmp_path)
    assert not (tmp_path / "out").exists()
