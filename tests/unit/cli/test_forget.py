"""`caretune forget`, in a project of four rows whose runs git and the cache remember."""

import json

import pytest
import typer
from typer.testing import CliRunner

from caretune import records
from caretune.cli import forget
from caretune.errors import LineageError
from caretune.lineage import identity, ledger, revocation
from caretune.lineage.ledger import Edge
from tests.fixtures import forgetting

ALL = ("taught", "train", "validation", "test")


@pytest.fixture
def made(tmp_path, monkeypatch):
    """The project, after one run with every row; commands run in it."""
    found = forgetting.project(tmp_path)
    forgetting.run(found, ALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARETUNE_PERSON_KEY", forgetting.KEY)
    return found


def call(*arguments, typed=None):
    """Run the command; an error that the user can mend is raised as it is."""
    app = typer.Typer()
    app.command("forget")(forget.forget)
    app.command("revoked")(forget.revoked)
    return CliRunner().invoke(app, [*arguments], input=typed, catch_exceptions=False)


def said(*arguments, **given):
    """Return what a command says that ends well."""
    done = call(*arguments, **given)
    assert done.exit_code == 0, done.output
    return done.output


def line(output, begin):
    """Return the rest of the one line that begins so."""
    (found,) = [x.strip() for x in output.splitlines() if x.strip().startswith(begin)]
    return found.removeprefix(begin).strip()


def written(made):
    """Return the suppression list as it stands."""
    return (made.root / "data/suppressed.jsonl").read_text()


def digest_of(made):
    """Return the digest of the release in the tree."""
    return forgetting.digest.sha256_file(made.root / "models/release/manifest.json")


def test_a_dry_run_tells_everything_and_writes_nothing(made):
    """Rows, children, what learnt from them, the release and its names; git and list stay."""
    output = said("forget", made.row("train"), "--dry-run")
    child = made.row("train")[::-1]
    assert line(output, "data/corpus.jsonl:") == f"1 ({made.row('train')})"
    assert line(output, "data/labelled/train.jsonl:").startswith("2 (")
    assert line(output, "data/augmented.jsonl:") == f"1 ({child})"
    assert line(output, "learnt by:") == "base, adapter"
    assert line(output, "verdict:") == "reports/gate/verdict.json stands on it"
    released = line(output, "release")
    assert released.startswith(digest_of(made)[:12])
    assert "(this tree, refs/heads/main): revoked, its base, adapter learnt from it" in released
    assert written(made) == ""
    assert made.git("tag") == ""
    assert not (made.root / "models/revoked.txt").exists()


@pytest.mark.parametrize(
    ("row", "stays"),
    [
        pytest.param("train", "none", id="train"),
        pytest.param("validation", "augment, base", id="validation"),
        pytest.param("test", "augment, base, train@lora, train@moe_lora", id="test"),
    ],
)
def test_the_stages_that_run_again_are_told(made, row, stays):
    """The split is tried out: what keeps its bytes keeps the stages behind it from running."""
    output = said("forget", made.row(row), "--dry-run")
    assert line(output, "stays:") == stays
    assert line(output, "may run:") == "none"
    assert "filters, ingest, split" in line(output, "dvc repro runs:")


def test_a_split_that_is_refused_without_the_row_keeps_nothing(made):
    """Nothing is known to stay, so everything is told to run."""
    (made.root / "tiny_split.py").write_text("raise SystemExit(2)")
    assert line(said("forget", made.row("test"), "--dry-run"), "stays:") == "none"


def test_what_the_filters_learnt_from_may_move_placeholders_elsewhere(made):
    """The row is in train, and its loss changes the filters: everything runs."""
    output = said("forget", made.row("taught"), "--dry-run")
    assert line(output, "learnt by:") == "filters, base, adapter"
    assert line(output, "stays:") == "none"


def test_forgetting_suppresses_revokes_and_says_what_is_next(made):
    """The list, the revoked release with its tag on its commit; a second time nothing is added."""
    output = said("forget", made.row("train"), "--yes")
    name = digest_of(made)
    assert written(made) == f'{{"key":"{made.row("train")}","kind":"row"}}\n'
    (reason,) = revocation.read(made.root / "models/revoked.txt").values()
    assert reason == (
        f"its base, adapter learnt from the row {made.row('train')[:12]} that is suppressed"
    )
    assert made.git("tag", "--format=%(refname:short) %(contents:subject)").split(" ", 1) == [
        f"revoked/{name}",
        f"{reason}\n",
    ]
    assert made.git("rev-parse", f"revoked/{name}^{{commit}}") == made.git("rev-parse", "HEAD")
    assert "git add data/suppressed.jsonl && dvc repro" in line(output, "next:")
    assert "stood there before" in said("forget", made.row("train"), "--yes")
    assert len((made.root / "models/revoked.txt").read_text().splitlines()) == 1


def test_a_release_that_was_only_measured_on_it_stays(made):
    """A test row shapes no weight."""
    output = said("forget", made.row("test"), "--yes")
    assert "was measured on it, learnt nothing" in line(output, "release")
    assert revocation.read(made.root / "models/revoked.txt") == {}


def test_a_no_writes_nothing(made):
    """The question is asked, and can be answered."""
    assert call("forget", made.row("train"), typed="n\n").exit_code == 1
    assert written(made) == ""
    said("forget", made.row("train"), typed="y\n")
    assert made.row("train") in written(made)


def test_an_old_release_is_found_and_revoked(made):
    """Two runs with the row, one without: both that learnt from it are revoked, by tag and list."""
    old = digest_of(made)
    made.git("tag", "v1")
    forgetting.run(made, ("taught", "train", "validation"))
    newer = digest_of(made)
    forgetting.run(made, ("taught", "validation", "test"))
    output = said("forget", made.row("train"), "--yes")
    assert set(revocation.read(made.root / "models/revoked.txt")) == {old, newer}
    assert f"{old[:12]} (refs/tags/v1): revoked" in output
    assert made.git("rev-parse", f"revoked/{old}^{{commit}}") == made.git("rev-parse", "v1")
    assert line(output, "learnt by:") == "no model"


def test_a_release_whose_data_is_not_here_is_told_as_not_known(made):
    """Nobody can say what it learnt."""
    forgetting.run(made, ("taught", "validation", "test"))
    old = [r for r in forgetting.history.runs(made.root, "dvc.lock") if not r.names]
    assert len(old) == 1
    cache = forgetting.history.cache_of(made.root)
    for path in ("data/corpus.jsonl", "data/labelled", "data/split"):
        cache.object(old[0].outs[path]).unlink()
    output = said("forget", made.row("validation"), "--dry-run")
    assert "not known, its data is not in this cache" in output


def test_a_release_whose_manifest_is_not_here_is_told_and_cannot_be_revoked(made):
    """Its data shows that it learnt; its digest is not known."""
    old = forgetting.history.present(made.root / "dvc.lock")
    forgetting.run(made, ("taught", "validation", "test"))
    forgetting.history.cache_of(made.root).object(old.outs["models/release"]).unlink()
    output = said("forget", made.row("train"), "--yes")
    assert "not revoked, its manifest is not here, its base, adapter learnt from it" in output
    assert not (made.root / "models/revoked.txt").exists()


def test_a_person_is_told_by_name_and_source(made):
    """Both rows of hers; the name goes nowhere: not into the list, not into what is said."""
    output = said("forget", " jane roe", "--source", "chat", "--yes")
    person = identity.person_hash(forgetting.KEY, "chat", "Jane Roe")
    assert line(output, "data/corpus.jsonl:").startswith("2 (")
    mark = identity.key_mark(forgetting.KEY)
    assert written(made) == (
        f'{{"key":"{mark}","kind":"key"}}\n{{"key":"{person}","kind":"person"}}\n'
    )
    assert "jane" not in (output + made.git("tag", "--format=%(contents)")).lower()
    assert f"caretune forget {person}" in output


def test_a_name_can_come_from_standard_input(made):
    """So that no shell keeps it; a hash is taken as it is, with and without its source."""
    person = identity.person_hash(forgetting.KEY, "chat", "Jane Roe")
    for given in (("-", "--source", "chat"), (person, "--source", "chat"), (person,)):
        typed = "Jane Roe\n" if given[0] == "-" else None
        output = said("forget", *given, "--dry-run", typed=typed)
        assert output.splitlines()[0] == f"person {person}"


def test_the_public_key_is_told(made, monkeypatch):
    """Anybody could find the name in the list."""
    monkeypatch.delenv("CARETUNE_PERSON_KEY")
    output = said("forget", "Jane Roe", "--source", "chat", "--dry-run", "--yes")
    assert "CARETUNE_PERSON_KEY is not set" in output


def test_a_source_is_told_by_its_name(made):
    """Every row of it."""
    output = said("forget", "chat", "--yes")
    assert line(output, "data/corpus.jsonl:").startswith("3 (")
    assert written(made) == '{"key":"chat","kind":"source"}\n'


def test_a_row_is_told_by_its_line(made):
    """As the ledger names it; also where it has left as suppressed."""
    first = said("forget", "chat:1", "--dry-run").splitlines()[0]
    forgetting.run(made, ("taught", "validation", "test"))
    assert said("forget", "chat:1", "--dry-run").splitlines()[0] == first
    assert first == f"row {made.row('train')}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["Jane Roe"], "the target is no row id", id="name without source"),
        pytest.param(["Jane Roe", "--source", "diary"], "--source diary: not in", id="source"),
        pytest.param(["chat:99"], "chat:99: no such line in data/ledger/ingest.jsonl", id="line"),
        pytest.param(["f" * 32], f"row {'f' * 32}: in no run", id="row"),
        pytest.param(["John", "--source", "chat"], "must be that of ingest", id="person"),
    ],
)
def test_a_target_that_means_nothing_is_refused(made, arguments, message):
    """One sentence; a name is not quoted."""
    with pytest.raises(LineageError, match=message) as error:
        call("forget", *arguments, "--dry-run")
    assert "Jane" not in str(error.value)


def test_a_line_that_left_by_another_exit_needs_no_forgetting(made):
    """Nothing learnt from it."""
    path = made.root / "data/ledger/ingest.jsonl"
    edge = Edge("ingest", "chat:9", exit="bad_json", detail="chat.jsonl line 9")
    ledger.write(path, [*ledger.read(path), edge])
    with pytest.raises(LineageError, match="chat:9: left by the exit `bad_json`"):
        call("forget", "chat:9")


def test_a_line_that_the_door_turned_away_is_forgotten_by_the_filters(made):
    """The edge tells its id, and its source taught them: the release is revoked."""
    path = made.root / "data/ledger/ingest.jsonl"
    gone = Edge("ingest", "dialogues:9", exit="template", detail=f"{'d' * 32}: a generic reply")
    ledger.write(path, [*ledger.read(path), gone])
    forgetting.lock(made.root)
    output = said("forget", "dialogues:9", "--yes")
    assert output.splitlines()[0] == f"row {'d' * 32}"
    assert line(output, "learnt by:") == "filters"
    assert digest_of(made) in revocation.read(made.root / "models/revoked.txt")


def test_a_row_that_is_seen_nowhere_can_be_suppressed_beforehand(made):
    """With --yes; filters may or may not know it."""
    output = said("forget", "f" * 32, "--yes")
    assert "f" * 32 in written(made)
    assert "filters, ingest" in line(output, "dvc repro runs:")
    assert line(output, "stays:") == "none"


def test_relatives_that_stay_are_named(made):
    """A row of the same family may tell the same."""
    twin = forgetting.msgspec.structs.replace(
        made.rows["train"], id="e" * 32, person=None, family=made.row("train")
    )
    made.rows["twin"] = twin
    forgetting.run(made, (*ALL, "twin"))
    output = said("forget", made.row("train"), "--dry-run")
    assert line(output, "rows of the same families stay, read them:") == "e" * 32


def test_no_run_at_all_is_said(tmp_path, monkeypatch):
    """The sentence tells what to do."""
    forgetting.project(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LineageError, match=r"dvc.lock: no such file.* Run `dvc repro`"):
        call("forget", "a" * 32)


def rebuilt(made):
    """Forget the row in train and run again without it."""
    said("forget", made.row("train"), "--yes")
    forgetting.run(made, ("taught", "validation", "test"))


def certificate(made, *more, code=0):
    """Write a certificate and return it as JSON and as text."""
    done = call("forget", made.row("train"), "--certificate", "c.json", *more)
    assert done.exit_code == code, done.output
    return json.loads((made.root / "c.json").read_bytes()), (made.root / "c.txt").read_text()


def test_after_the_rebuild_the_certificate_is_clean_and_names_who_still_holds_it(made):
    """Raw file and its history, cache with data and weights, the old release; no text in it."""
    old = digest_of(made)
    rebuilt(made)
    found, text = certificate(made, "--date", "2026-03-01")
    assert (found["clean"], found["faults"], found["date"]) == (True, [], "2026-03-01")
    assert found["rows"] == 2
    assert set(found["searched"].values()) == {0}
    assert {"data/labelled/train.jsonl", "data/ledger/ingest.jsonl"} <= found["searched"].keys()
    assert found["revoked"] == {old: [f"refs/tags/revoked/{old}"]}
    held = [(place["kind"], place["where"]) for place in found["held"]]
    assert ("raw", "data/raw/chat.jsonl lines 1") in held
    assert ("raw", "git history of data/raw/chat.jsonl, 1 commits") in held
    assert {"cache", "release", "elsewhere"} <= {kind for kind, _ in held}
    weights = [place for place in found["held"] if place["holds"].startswith("weights")]
    assert {p["holds"].partition("(")[2] for p in weights} >= {
        "models/base)",
        "models/adapter/lora)",
    }
    present = forgetting.history.present(made.root / "dvc.lock").outs["data/ledger/ingest.jsonl"]
    assert not any(place["where"].endswith(present[2:]) for place in found["held"])
    assert "Current files: CLEAN" in text
    assert "neighbour" not in text + json.dumps(found)


def test_two_certificates_of_one_tree_are_equal(made):
    """No clock is read; the whole files are compared."""
    rebuilt(made)
    first = certificate(made)
    assert certificate(made) == first


def test_before_the_rebuild_it_is_not_clean(made):
    """Exit code 1, and each file that holds it is named."""
    said("forget", made.row("train"), "--yes")
    found, text = certificate(made, code=1)
    assert "data/corpus.jsonl holds 1 of its ids" in found["faults"]
    assert "data/ledger/split.jsonl holds 1 of its ids" in found["faults"]
    stale = "the stage ingest read or wrote other bytes of data/suppressed.jsonl: run `dvc repro`"
    assert stale in found["faults"]
    assert "NOT CLEAN" in text


def test_without_an_entry_it_is_not_clean(made):
    """A row that merely is not there could come back."""
    forgetting.run(made, ("taught", "validation", "test"))
    found, _ = certificate(made, code=1)
    assert found["faults"] == ["the suppression list does not have it: run `caretune forget` first"]


def test_a_file_that_was_put_back_is_named(made):
    """The guard can fail: the row in one report is enough."""
    rebuilt(made)
    records.write_json(made.root / "reports/gate/verdict.json", made.row("train"))
    found, _ = certificate(made, code=1)
    assert "reports/gate/verdict.json holds 1 of its ids" in found["faults"]
    assert found["searched"]["reports/gate/verdict.json"] == 1


def test_a_pipeline_that_does_not_read_the_list_is_not_clean(made):
    """An old dvc.yaml would let the row in again."""
    rebuilt(made)
    path = made.root / "dvc.yaml"
    path.write_text(path.read_text().replace(", data/suppressed.jsonl, models/filters]", "]"))
    forgetting.lock(made.root)
    found, _ = certificate(made, code=1)
    assert found["faults"] == [
        "the stage ingest was not run with data/suppressed.jsonl: run `dvc repro`"
    ]


def test_remotes_exports_and_experiments_are_looked_into(made):
    """A local remote is counted, another cannot be seen; packed exports cannot be looked into."""
    made.git("update-ref", "refs/exps/aa/bb/tried", "HEAD")
    (made.root / ".dvc/config").write_text(
        "[core]\n    analytics = false\n['remote \"far\"']\n    url = s3://bucket/data\n"
        "['remote \"near\"']\n    url = ../near\n['remote \"empty\"']\n    url = ../empty\n"
    )
    forgetting.shutil.copytree(made.root / ".dvc/cache", made.root / "near")
    rebuilt(made)
    (made.root / "data/export").mkdir()
    (made.root / "data/export/rows.csv").write_text(f"id\n{made.row('train')}\n")
    (made.root / "data/export/other.csv").write_text("id\n")
    (made.root / "data/export/rows.parquet").write_bytes(b"packed")
    found, _ = certificate(made)
    held = {place["where"]: place["holds"] for place in found["held"]}
    assert held["refs/exps/aa/bb/tried"] == "yes"
    assert held["data/export/rows.csv"] == "yes"
    assert held["data/export/rows.parquet"] == "packed: cannot be looked into"
    assert "data/export/other.csv" not in held
    remotes = {w.split()[0]: holds for w, holds in held.items() if w.endswith(")")}
    assert remotes["far"].startswith("cannot be looked into from here")
    assert remotes["near"].startswith("yes: ")
    assert "empty" not in remotes


def test_tags_of_another_clone_reach_the_list(made):
    """`caretune revoked` after a fetch; known ones are not told as new."""
    other = "a" * 64
    made.git("tag", "-a", "-m", "a reason from elsewhere", f"revoked/{other}")
    assert said("revoked") == f"{other} a reason from elsewhere  (new here)\n"
    assert said("revoked") == f"{other} a reason from elsewhere\n"


def test_without_a_cache_and_its_data_the_current_release_is_not_left_open(made):
    """It is refused before anything is written; with --yes the release is revoked."""
    forgetting.shutil.rmtree(made.root / ".dvc/cache")
    (made.root / "data/labelled/train.jsonl").unlink()
    (made.root / "data/split/train.jsonl").unlink()
    with pytest.raises(LineageError, match=r"nothing was written\. Run `dvc fetch`"):
        call("forget", made.row("train"))
    assert written(made) == ""
    said("forget", made.row("train"), "--yes")
    assert digest_of(made) in revocation.read(made.root / "models/revoked.txt")


def test_without_a_cache_the_files_of_the_tree_tell(made):
    """They have the recorded bytes, so the release is known to have learnt."""
    forgetting.shutil.rmtree(made.root / ".dvc/cache")
    assert line(said("forget", made.row("train"), "--yes"), "learnt by:") == "base, adapter"
    assert digest_of(made) in revocation.read(made.root / "models/revoked.txt")


def test_an_odd_tag_does_not_stand_in_the_way(made):
    """It is named; a tag of the right form needs no reason."""
    made.git("tag", "revoked/foo")
    made.git("tag", "-a", "--cleanup=verbatim", "-m", "", f"revoked/{'a' * 64}")
    output = said("revoked")
    assert "revoked/foo: no sha256 of a manifest" in output
    assert f"{'a' * 64} revoked by a tag that gives no reason" in output


@pytest.mark.parametrize("more", [["c.txt"], ["c.json", "--dry-run"]], ids=["txt", "dry run"])
def test_a_certificate_that_cannot_be_written_is_refused(made, more):
    """The text would replace the JSON; a dry run writes nothing."""
    with pytest.raises(LineageError, match=r"c\.txt: its text|--certificate writes"):
        call("forget", made.row("train"), "--certificate", *more)


def test_a_second_row_of_a_line_and_rows_of_the_same_words_are_told(made):
    """`chat:9.2` left because it has the words of a suppressed row."""
    path, twin = made.root / "data/ledger/ingest.jsonl", "d" * 32
    said("forget", made.row("train"), "--yes")
    forgetting.run(made, ("taught", "validation", "test"))
    detail = f"{twin}: same words as {made.row('train')}"
    gone = Edge("ingest", "chat:9.2", exit="suppressed", detail=detail)
    ledger.write(path, [*ledger.read(path), gone])
    forgetting.lock(made.root)
    output = said("forget", made.row("train"), "--dry-run")
    assert line(output, "left as suppressed:") == f"1 ({twin})"
    assert said("forget", "chat:9.2", "--dry-run", "--yes").splitlines()[0] == f"row {twin}"
    found, _ = certificate(made)
    assert "data/raw/chat.jsonl lines 1, 9.2" in {place["where"] for place in found["held"]}
    weights = [p["holds"] for p in found["held"] if p["holds"].startswith("weights")]
    assert not any("models/filters" in holds for holds in weights)
