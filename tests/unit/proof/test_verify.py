"""Verify: whatever is altered between raw data and release, it is named; all of it, not the first."""

import msgspec
import pytest

from caretune import records
from caretune.errors import LineageError
from caretune.lineage import ledger, manifest, revocation, suppression
from caretune.lineage.ledger import Edge
from caretune.proof import files, verify
from caretune.proof.project import Fault
from caretune.records import Conversation, ExpertExample, Message
from tests.fixtures import project as fixture


def found(project, search=None):
    """Verify and return file, relative to the project -> problems and rows."""
    faults = verify.verify(project, verify.Watch(), search).faults
    root = f"{project.release.parents[1]}/"
    told = {}
    for fault in faults:
        told.setdefault(fault.file.replace(root, ""), []).append((fault.problem, *fault.rows))
    return told


def flip(path, at=None):
    """Flip the lowest bit of one byte, by default the middle one."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if at is None else at] ^= 1
    path.write_bytes(content)


def change(path, row_id, kind=Conversation, **changes):
    """Change fields of one row of a JSONL file."""
    rows = [
        msgspec.structs.replace(row, **changes) if row.id == row_id else row
        for row in records.read(path, kind)
    ]
    records.write(path, rows)


def first(path, kind=Conversation):
    """Return the first row of a file."""
    return next(records.read(path, kind))


def said(told, file):
    """Return all rows that are told of a file."""
    return {row for _, *rows in told[file] for row in rows}


def test_a_whole_project_has_no_fault(project):
    """Files, rows and bytes are counted; nothing is wrong."""
    fixture.cached(project, project.pipeline["corpus"])
    report = verify.verify(project, verify.Watch())
    assert report.faults == []
    assert (report.rows, report.cached) == (42, 1)
    assert report.files == len(files.paths(project)) == 37
    assert report.bytes == sum(
        path.stat().st_size for path in [*files.paths(project), *files.cached(project.cache)]
    )


ALTERED = [
    "data/raw/dialogues.jsonl",
    "data/raw/concepts.jsonl",
    "data/corpus.jsonl",
    "data/split/train.jsonl",
    "data/split/validation.jsonl",
    "data/split/test.jsonl",
    "data/split/expert.jsonl",
    "data/split/manifest.json",
    "data/augmented.jsonl",
    "data/labelled/train.jsonl",
    "data/labelled/test.jsonl",
    "data/ledger/ingest.jsonl",
    "data/ledger/split.jsonl",
    "data/ledger/augment.jsonl",
    "data/ledger/safety_label.jsonl",
    "reports/data/leak_proof.json",
    "reports/evaluation/metrics.json",
    "reports/evaluation/items.jsonl",
    "reports/gate/verdict.json",
    "models/base/base.json",
    "models/adapter/lora/best/weights.bin",
    "models/filters/bundle.json",
    "models/release/MODEL_CARD.md",
    "models/release/verdict.json",
    "models/release/adapter/weights.bin",
    "models/release/base/base.json",
    "models/release/filters/bundle.json",
    "params.yaml",
    "requirements.lock",
    "code/module.py",
]


@pytest.mark.parametrize("name", ALTERED)
def test_one_flipped_byte_is_named(project, name):
    """Raw, intermediate, evidence, model, release: that file is named, by its bytes."""
    flip(project.release.parents[1] / name)
    told = found(project)
    assert any("has sha256" in problem for problem, *_ in told[name])


def test_all_altered_files_are_named_at_once(project):
    """Twenty and more faults are one report; the cache is among them."""
    cached = fixture.cached(project, project.pipeline["augmented"])
    for name in ALTERED:
        flip(project.release.parents[1] / name)
    flip(cached)
    told = found(project)
    assert set(ALTERED) <= set(told)
    assert len(ALTERED) >= 20
    assert any(name.startswith(".dvc/cache/files/md5/") for name in told)


def test_an_altered_cache_object_is_named(project):
    """Files and folder lists are named by their own md5."""
    good = fixture.cached(project, project.pipeline["augmented"])
    folder = fixture.cached(project, project.pipeline["corpus"])
    folder.rename(folder.with_suffix(".dir"))
    assert found(project) == {}
    for path in (good, folder.with_suffix(".dir")):
        flip(path)
    told = found(project)
    assert len(told) == 2
    assert all("is named" in told[name][0][0] for name in told)


def test_the_source_tree_is_named(project):
    """Other code than that which made the release."""
    records.write_text(project.code[0] / "module.py", "changed = True\n")
    assert "has sha256" in found(project)["code"][0][0]


def test_an_altered_manifest_is_named_with_all_else(project):
    """A digit of one digest: the manifest is named, and so is every other fault."""
    path = project.release / manifest.NAME
    corpus = manifest.read(project.release).pipeline["corpus"]
    path.write_text(path.read_text().replace(corpus, corpus[::-1]))
    flip(project.release / "MODEL_CARD.md")
    told = found(project)
    assert told["models/release/manifest.json"] == [("was altered after it was sealed",)]
    assert {"data/corpus.jsonl", "models/release/MODEL_CARD.md"} <= set(told)


def test_no_manifest_is_refused(project):
    """Without one there is nothing to verify against."""
    (project.release / manifest.NAME).write_text("{}")
    with pytest.raises(LineageError, match=r"manifest\.json: missing or not a manifest"):
        found(project)


@pytest.mark.parametrize("name", [name for name in ALTERED if "release" not in name])
def test_a_missing_file_is_named(project, name):
    """Wherever it was."""
    (project.release.parents[1] / name).unlink()
    assert any("is missing" in problem for problem, *_ in found(project)[name])


@pytest.mark.parametrize(
    "name",
    ["data/raw/more.jsonl", "data/labelled/more.jsonl", "models/adapter/x", "models/release/x"],
)
def test_an_extra_file_is_named(project, name):
    """A file that nobody recorded."""
    (project.release.parents[1] / name).write_text("{}\n")
    assert ("is not in the manifest",) in found(project)[name]


def test_a_changed_raw_row_is_named(project):
    """By source and line, in the raw file."""
    path = project.sources[0].path
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    lines[3] = lines[3].replace("e", "a", 40)
    path.write_text("".join(lines), encoding="utf-8")
    told = found(project)
    assert said(told, "data/raw/dialogues.jsonl") == {"dialogues:4"}
    assert "edges that no row of the raw data has" in told["data/ledger/ingest.jsonl"][0][0]


def test_a_changed_word_in_the_corpus_is_named_by_row(project):
    """Placeholders are no fault; the one row that says something else is told."""
    path = project.pipeline["corpus"]
    row = first(path)
    spoken = [Message(turn.role, f"{turn.content} And more.") for turn in row.messages]
    change(path, row.id, messages=spoken)
    assert said(found(project), "data/corpus.jsonl") == {row.id}


def test_a_changed_word_beside_a_placeholder_is_named(project):
    """What was redacted excuses only itself."""
    path = project.pipeline["corpus"]
    row = next(r for r in records.read(path, Conversation) if "[NAME_1]" in r.messages[0].content)
    spoken = f"{row.messages[0].content} And more."
    change(path, row.id, messages=[Message(row.messages[0].role, spoken), *row.messages[1:]])
    assert said(found(project), "data/corpus.jsonl") == {row.id}


@pytest.mark.parametrize("name", ["data/split/train.jsonl", "data/labelled/train.jsonl"])
def test_a_changed_field_is_named_by_row(project, name):
    """Rows are held against their copies in the files that are whole."""
    path = project.release.parents[1] / name
    row = first(path)
    change(path, row.id, license="MIT")
    told = found(project)
    assert ("rows that differ from their copies in other files", row.id) in told[name]


def test_a_changed_child_is_named(project):
    """Its words no longer give its id."""
    path = project.pipeline["augmented"]
    row = first(path)
    change(path, row.id, messages=row.messages[:-1])
    told = found(project)["data/augmented.jsonl"]
    assert ("children whose words do not give their id", row.id) in told


def test_a_changed_expert_example_is_named(project):
    """It is no beginning of its conversation any more."""
    change(project.experts, "e" * 32, ExpertExample, reply="Something else.")
    told = found(project)["data/split/expert.jsonl"]
    assert any("examples that say other than" in problem for problem, *_ in told)


def test_a_line_that_is_no_row_is_named(project):
    """By its number, and the rest of the file is judged all the same."""
    path = project.pipeline["labelled"] / "train.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b"{\n", *lines[2:]]))
    told = found(project)
    (line,) = told["data/labelled/train.jsonl"][-1][1:]
    assert line.startswith("line 2: ")
    lost = [p for p in told["data/ledger/safety_label.jsonl"] if "was never written" in p[0]]
    assert len(lost[0]) == 2


def test_an_edited_family_is_named(project):
    """A family bears the name of its smallest row, and its rows the split that it falls in."""
    path = project.pipeline["split"] / "train.jsonl"
    row = first(path)
    change(path, row.id, family="f" * 32)
    told = found(project)
    assert row.id in said(told, "data/split")
    assert "rows of a family that is not named by its smallest row" in told["data/split"][0][0]


def test_a_moved_family_is_named(project):
    """Rows that stand in another split than the seed gives, whatever they say of themselves."""
    train, test = (project.pipeline["split"] / f"{name}.jsonl" for name in ("train", "test"))
    rows = list(records.read(train, Conversation))
    moved = [
        msgspec.structs.replace(row, split="test") for row in rows if row.family == rows[0].family
    ]
    records.write(train, [row for row in rows if row.family != rows[0].family])
    records.write(test, [*records.read(test, Conversation), *moved])
    told = found(project)["data/split/test.jsonl"]
    expected = "rows in another split than their family gives"
    assert (expected, *(row.id for row in moved)) in told


def test_a_truncated_ledger_is_named(project):
    """Its root, its counts, and the row whose way is not told."""
    path = project.ledger("split")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    told = found(project)
    lost = msgspec.json.decode(lines[-1])["from"]
    problems = {problem.partition(":")[0] for problem, *_ in told["data/ledger/split.jsonl"]}
    assert "does not tell the way of rows of its stage" in problems
    assert lost in said(told, "data/ledger/split.jsonl")
    assert any("has root" in problem for problem in problems)
    assert "counts other rows" in " ".join(p for p, *_ in told["reports/data/split.json"])


def test_a_reordered_ledger_is_named(project):
    """Sorted is part of the format."""
    path = project.ledger("augment")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(reversed(lines)))
    told = found(project)["data/ledger/augment.jsonl"]
    assert any(problem == "edges out of order" for problem, *_ in told)


def test_a_release_forged_with_a_good_seal_is_found(project):
    """Whoever rewrites a row, the ledger's and the files' hashes and the manifest: the id tells."""
    path = project.ledger("ingest")
    edges = ledger.read(path)
    one, two = [edge for edge in edges if edge.source.startswith("concepts") and edge.to][:2]
    swapped = {one.source: two.to, two.source: one.to}
    ledger.write(
        path,
        [
            Edge("ingest", e.source, to=swapped[e.source]) if e.source in swapped else e
            for e in edges
        ],
    )
    records.write_json(
        project.pipeline["figures"] / "ingest.json",
        {"ledger": ledger.summarise(ledger.stream(path))},
    )
    fixture.release(project)
    told = found(project)
    assert set(told) == {"data/ledger/ingest.jsonl"}
    assert said(told, "data/ledger/ingest.jsonl") == set(swapped)


def test_a_verdict_on_another_base_is_named(project):
    """A release sealed with a verdict that judged other parts."""
    path = project.release / manifest.VERDICT
    verdict = records.read_json(path)
    verdict["subjects"]["base"] = "0" * 64
    records.write_json(project.pipeline["verdict"], verdict)
    records.write_json(path, verdict)
    old = manifest.Manifest(**records.read_json(project.release / manifest.NAME))
    manifest.write(
        project.release,
        candidate=old.candidate,
        sources=old.sources,
        ledger=old.ledger,
        digests=old.digests,
        fingerprint=old.fingerprint,
        pipeline={**old.pipeline, "verdict": manifest.digest.sha256_file(path)},
    )
    told = found(project)
    assert [p for p, *_ in told["models/release/verdict.json"]] == [
        "judged another base than was released"
    ]


def test_a_release_without_its_verdict_is_told(project):
    """The check of what was judged cannot go on; all others do."""
    (project.release / manifest.VERDICT).unlink()
    told = found(project)
    assert told["models/release/verdict.json"] == [("is missing",)]
    assert "verdict.json" in told["reports/gate/verdict.json"][0][0]


def test_an_old_release_is_told_to_be_one(project):
    """A manifest of format 1 records no file between raw data and release; its own are checked."""
    old = manifest.Manifest(**records.read_json(project.release / manifest.NAME))
    manifest.write(
        project.release,
        candidate=old.candidate,
        sources=old.sources,
        ledger=old.ledger,
        digests=old.digests,
        fingerprint=old.fingerprint,
    )
    assert manifest.verify(project.release).format == 1
    told = found(project)
    assert list(told) == ["models/release/manifest.json"]
    assert "is of format 1" in told["models/release/manifest.json"][0][0]


def test_families_are_searched_again_where_asked(project):
    """A row whose family is another in the new search is named; the same families are no fault."""
    recorded = verify.families.recorded(project)
    assert found(project, lambda _: recorded) == {}
    row = max(recorded)
    told = found(project, lambda _: {**recorded, row: "f" * 32})
    assert said(told, "data/split") == {row}


def test_an_empty_split_is_one_fault(project):
    """Where no split can be cut at all, that is told and the rest goes on."""
    for name in ("train", "validation", "test", "expert"):
        (project.pipeline["split"] / f"{name}.jsonl").write_text("")
    told = found(project)
    assert any("the train split is empty" in problem for problem, *_ in told["data/split"])
    assert "data/split/train.jsonl" in told


def test_a_source_that_cannot_be_read_is_one_fault(project):
    """A file that is no text at all stops its check with a sentence, not a traceback."""
    project.sources[0].path.write_bytes(b"\xff\xfe\x00")
    told = found(project)
    assert "data/raw/dialogues.jsonl" in told


def test_progress_is_told(project):
    """Every byte and every raw row."""

    class Count(verify.Watch):
        def __init__(self):
            self.seen = {"bytes": 0, "rows": 0}

        def bytes(self, count):
            self.seen["bytes"] += count

        def rows(self, count):
            self.seen["rows"] += count

    watch = Count()
    report = verify.verify(project, watch)
    assert watch.seen == {"bytes": report.bytes, "rows": report.rows}


def test_faults_hold_no_text_of_a_person(project):
    """Ids, lines and digests alone, whatever is damaged."""
    words = {
        turn.content
        for row in records.read(project.pipeline["corpus"], Conversation)
        for turn in row.messages
    }
    for name in ALTERED:
        flip(project.release.parents[1] / name)
    faults = verify.verify(project, verify.Watch()).faults
    text = records.encode(faults).decode()
    assert len(words) > 40
    assert not [word for word in words if word[:30] in text]
    assert all(isinstance(fault, Fault) for fault in faults)


@pytest.mark.parametrize(
    ("place", "row"), [("corpus", "rows that say other"), ("augmented", "children whose words")]
)
def test_words_forged_with_a_good_seal_are_found(project, place, row):
    """Whoever rewrites what a row says and seals a new release over it: its id tells."""
    path = project.pipeline[place]
    forged = first(path)
    spoken = [*forged.messages[:-1], Message("assistant", "Something else was said here.")]
    change(path, forged.id, messages=spoken)
    fixture.release(project)
    told = found(project)[str(path.relative_to(project.release.parents[1]))]
    assert [(problem.startswith(row), *rows) for problem, *rows in told] == [(True, forged.id)]


@pytest.mark.parametrize("text", ["[]", '{"files": []}', "null"])
def test_a_split_manifest_of_another_shape_is_named(project, text):
    """It is altered, and stops no other check."""
    (project.pipeline["split"] / "manifest.json").write_text(text)
    assert list(found(project)) == ["data/split/manifest.json"]


def test_a_count_that_is_not_the_files_is_named(project):
    """Rows and bytes of each split file are counted again."""
    path = project.pipeline["split"] / "manifest.json"
    path.write_text(path.read_text().replace('"count": 28', '"count": 29'))
    assert "manifest.json says other" in found(project)["data/split/train.jsonl"][0][0]


@pytest.mark.parametrize("kind", ["row", "source"])
def test_a_row_that_is_suppressed_is_named(project, kind, tmp_path):
    """A corpus from before the list grew is no proof of forgetting."""
    row = first(project.pipeline["corpus"])
    listed = tmp_path / "suppressed.jsonl"
    listed.write_text("")
    project = project._replace(suppressed=listed)
    assert found(project) == {}
    suppression.add(listed, suppression.Entry(kind, row.id if kind == "row" else row.source))
    told = found(project)
    assert list(told) == ["data/corpus.jsonl"]
    assert "covers: run `dvc repro`" in told["data/corpus.jsonl"][0][0]
    assert row.id in said(told, "data/corpus.jsonl")


def test_a_revoked_release_is_named_with_the_reason(project, tmp_path):
    """Its bytes are whole, and it is never to be served."""
    listed = tmp_path / "revoked.txt"
    project = project._replace(revoked=[listed])
    assert found(project) == {}
    name = manifest.digest.sha256_file(project.release / manifest.NAME)
    revocation.add(listed, {"0" * 64: "another one", name: "its base learnt from a row"})
    (problem,) = found(project)["models/release/manifest.json"][0]
    assert problem.endswith("revoked.txt: its base learnt from a row")
