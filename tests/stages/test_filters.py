"""The stage `filters` on a sample of the shipped messages."""

import hashlib
import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from caretune import records
from caretune.corpus.sources import dialogues
from caretune.errors import FilterError, RecordError, SourceError
from caretune.lineage import identity, suppression
from caretune.lineage.suppression import Entry
from caretune.records import Message
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
    (tmp_path / "suppressed.jsonl").touch()

    def call(out="out", patterns=_ROOT / "caretune/safety/patterns"):
        filters.main(
            messages=messages,
            patterns=patterns,
            suppressed=tmp_path / "suppressed.jsonl",
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


@pytest.fixture
def taught(run, tmp_path, monkeypatch):
    """Return what the stage would learn from, with these entries on the list; nothing is trained."""
    found = []

    def stop(rows, *_):
        found.append(rows)
        raise FilterError("enough")

    monkeypatch.setattr(filters.training, "train", stop)

    def call(*entries):
        for entry in entries:
            suppression.add(tmp_path / "suppressed.jsonl", entry)
        with pytest.raises(FilterError, match="enough"):
            run()
        return found[-1]

    return call


def test_nothing_is_learnt_from_a_suppressed_dialogue(taught, messages):
    """Its id is that of the door; neither the client's words nor the replies teach."""
    path = messages / "dialogues.jsonl"
    (_, raw), *_ = dialogues.read(path)
    said = [Message(m.role, records.normalise_text(m.content)) for m in raw.messages]
    before = taught()
    after = taught(Entry("row", identity.content_id("dialogues", said)))
    client = " ".join(message.content for message in said if message.role == "user")
    assert client in {example.text for example in before}
    texts = {example.text for example in after}
    assert texts.isdisjoint({client, *(m.content for m in said)})
    assert len(after) < len(before)


def test_nothing_is_learnt_from_a_suppressed_message(taught, messages):
    """A message is a conversation of one turn, its source the name of its file."""
    row = json.loads((messages / "messages_crisis_2.jsonl").read_text().splitlines()[0])
    said = Message(row["role"], records.normalise_text(row["text"]))
    before = taught()
    after = taught(Entry("row", identity.content_id("messages_crisis_2", [said])))
    assert len(before) - len(after) == 1
    assert row["text"] not in {example.text for example in after}


def test_nothing_is_learnt_from_a_suppressed_source(taught):
    """All dialogues at once; the messages stay."""
    tasks = {example.task for example in taught(Entry("source", "dialogues"))}
    assert "dialogue" not in tasks
    assert {"crisis", "pii"} <= tasks


def test_the_file_of_the_dialogues_is_the_source_of_that_name():
    """Else a row would have one id at the door and another here."""
    sources = YAML(typ="safe").load(_ROOT / "params.yaml")["ingest"]["sources"]
    assert sources["dialogues"]["path"] == "data/raw/dialogues.jsonl"
