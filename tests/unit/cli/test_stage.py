"""A stage that meets a known error says one sentence and exits with 2."""

import contextlib
import errno
import json
import os
import shutil
import subprocess
import sys

import pytest
from structlog.testing import capture_logs

from caretune.cli import layout, stage
from caretune.errors import CaretuneError, ParamsError, StoppedError
from caretune.lineage import cost
from caretune.lineage.workspace import Run
from caretune.monitoring.delivery import WEBHOOK
from tests.house.closure import ROOT


def failing(error):
    """Return an action that raises the error."""

    def action():
        raise error

    return action


def test_a_known_error_is_one_sentence(capsys):
    """No traceback: the message on stderr, exit code 2."""
    with pytest.raises(SystemExit) as caught:
        stage.guard(failing(CaretuneError("data/x.jsonl: no such file. Run `dvc repro`.")))
    assert caught.value.code == 2
    assert capsys.readouterr().err == "error: data/x.jsonl: no such file. Run `dvc repro`.\n"


def test_an_error_has_its_own_exit_code(capsys):
    """A stage that stopped at a limit ends with 75: nothing is wrong, run it again."""
    with pytest.raises(SystemExit) as caught:
        stage.guard(failing(StoppedError("stopped at step 4.")))
    assert caught.value.code == 75
    assert capsys.readouterr().err == "error: stopped at step 4.\n"


def test_a_full_disk_names_the_file(capsys):
    """ENOSPC is the user's to mend, in one sentence."""
    full = OSError(errno.ENOSPC, "No space left on device", "models/base/model.safetensors")
    with pytest.raises(SystemExit) as caught:
        stage.guard(failing(full))
    assert caught.value.code == 2
    assert "models/base/model.safetensors: no space left" in capsys.readouterr().err


def test_a_full_disk_is_known_from_a_copy_of_a_folder(tmp_path, capsys):
    """`shutil.copytree` collects what went wrong as words, without a number."""
    (tmp_path / "from").mkdir()
    (tmp_path / "from/file").touch()

    def full(_source, target):
        raise OSError(errno.ENOSPC, "No space left on device", target)

    with pytest.raises(SystemExit) as caught:
        stage.guard(lambda: shutil.copytree(tmp_path / "from", tmp_path / "to", copy_function=full))
    assert caught.value.code == 2
    assert capsys.readouterr().err == ("error: the disk: no space left. Free some and run again.\n")


@pytest.mark.parametrize(
    "words", ["I/O error: No space left on device (os error 28)", "write failed (os error 28)"]
)
def test_a_full_disk_is_known_from_a_librarys_words(words, capsys):
    """Libraries in Rust raise exceptions of their own, which name the fault in words alone."""
    with pytest.raises(SystemExit) as caught:
        stage.guard(failing(Exception(words)))
    assert caught.value.code == 2
    assert "the disk: no space left" in capsys.readouterr().err


def test_another_fault_of_the_disk_keeps_its_traceback():
    """A full disk and a folder that may not be written are said in one sentence, no other."""
    with pytest.raises(OSError, match="Input/output error"):
        stage.guard(failing(OSError(errno.EIO, "Input/output error", "models")))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_folder_that_may_not_be_written_is_one_sentence(number, capsys):
    """It names the folder, and exits with 2."""
    with pytest.raises(SystemExit) as ended:
        stage.guard(failing(OSError(number, "no", "models")))
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "error: models: may not be written. Change its rights and run again.\n"
    )


def test_what_is_written_last_is_tried_first(tmp_path):
    """A folder that is not there yet is judged by the nearest one that is."""
    stage.check_writable(tmp_path / "new/folder", tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_folder_is_noticed(tmp_path, monkeypatch):
    """What the disk says when a file is tried there comes out."""

    def refuse(**where):
        raise OSError(errno.EROFS, "Read-only file system", str(where["dir"]))

    monkeypatch.setattr(stage.tempfile, "TemporaryFile", refuse)
    with pytest.raises(OSError, match="Read-only file system") as error:
        stage.check_writable(tmp_path / "out")
    assert error.value.filename == str(tmp_path)


def test_a_folder_that_is_there_is_tried_itself(tmp_path, monkeypatch):
    """It may be read-only where its parent is not, and what lies in it is replaced at the end."""
    tried = []
    monkeypatch.setattr(
        stage.tempfile,
        "TemporaryFile",
        lambda **where: tried.append(where["dir"]) or contextlib.nullcontext(),
    )
    (tmp_path / "out").mkdir()
    stage.check_writable(tmp_path / "out", tmp_path / "new/file.json")
    assert tried == [tmp_path / "out", tmp_path]


def test_our_own_bug_keeps_its_traceback():
    """An error nobody promised is not hidden."""
    with pytest.raises(ZeroDivisionError):
        stage.guard(lambda: 1 / 0)


def test_layout_reads_paths_from_the_map():
    """dvc.yaml is the only place that knows paths."""
    assert layout.path("filters", "--out", ROOT) == ROOT / "models/filters"


def test_layout_names_what_is_missing():
    """A stage or option that the map lacks is named."""
    with pytest.raises(ParamsError, match=r"stages\.filters\.cmd: no option --nothing"):
        layout.path("filters", "--nothing", ROOT)


COMMAND = """\
import sys, typer
from pathlib import Path
from caretune.cli import stage
from caretune.errors import CaretuneError, StoppedError

def main(*, ends: str) -> None:
    "A stage."
    if ends == "refused":
        raise CaretuneError("data/x.jsonl: no such file. Run `dvc repro`.")
    if ends == "stopped":
        raise StoppedError("stopped at step 4.")
    if ends == "killed":
        import os
        os.kill(os.getpid(), 9)
    if ends == "broken":
        1 / 0
    if ends == "interrupted":
        raise KeyboardInterrupt
    if ends == "words":
        sys.exit("a library's own words")
    Path("out").write_text("made")

stage.run(main)
"""


@pytest.fixture
def run_stage(tmp_path):
    """Run a stage that ends in a given way, as DVC runs it or by hand, and return the process."""
    here = tmp_path / "copy"
    here.mkdir()

    def run(ends, *, by_dvc=True, **environment):
        told = {"DVC_ROOT": str(tmp_path), "DVC_STAGE": "train@lora", "DVC_EXP_NAME": "warm"}
        names = ("DVC_ROOT", "DVC_STAGE", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV", WEBHOOK)
        kept = {name: value for name, value in os.environ.items() if name not in names}
        return subprocess.run(
            [sys.executable, "-c", COMMAND, "--ends", ends],
            cwd=here,
            env=kept | (told if by_dvc else {}) | {"PYTHONPATH": str(ROOT)} | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    ("ends", "code", "outcome"),
    [
        pytest.param("well", 0, "done", id="well"),
        pytest.param("refused", 2, "failed", id="refused"),
        pytest.param("stopped", 75, "stopped", id="stopped"),
        pytest.param("interrupted", 130, "stopped", id="interrupted"),
        pytest.param("broken", 1, "failed", id="broken"),
        pytest.param("words", 1, "failed", id="words"),
        pytest.param("killed", -9, "unfinished", id="killed"),
    ],
)
def test_a_run_by_dvc_is_put_down_where_the_project_is(ends, code, outcome, run_stage, tmp_path):
    """However it ends, and also from a copy of the project; a failure is an alert, nothing else is."""
    done = run_stage(ends)
    (entry,) = cost.read(tmp_path / stage.COSTS).entries
    assert (done.returncode, entry.outcome) == (code, outcome)
    assert (entry.stage, entry.experiment, entry.commit) == ("train@lora", "warm", None)
    assert ("stage_failed" in done.stderr) is (outcome == "failed")
    if entry.usage is not None:
        assert entry.usage.exit_code == code
        assert entry.usage.cpu_s > 0
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["out"] * (ends == "well")


@pytest.mark.parametrize("ends", ["well", "refused"])
def test_a_run_by_hand_writes_nothing_else(ends, run_stage, tmp_path):
    """No ledger, no alert: a person sees how it ended."""
    done = run_stage(ends, by_dvc=False)
    assert not (tmp_path / stage.COSTS).exists()
    assert (
        done.stderr
        == {
            "well": "",
            "refused": "error: data/x.jsonl: no such file. Run `dvc repro`.\n",
        }[ends]
    )


def test_a_ledger_that_cannot_be_written_fails_no_stage(run_stage, tmp_path):
    """The log says so, and the stage's files are there."""
    (tmp_path / stage.COSTS.parent).write_text("a file stands where the folder should be")
    done = run_stage("well")
    assert (done.returncode, (tmp_path / "copy" / "out").read_text()) == (0, "made")
    assert done.stderr.count("cost_not_recorded") == 2
    assert "File exists" in done.stderr


def test_a_failure_goes_where_params_say(run_stage, tmp_path, write_params):
    """The file of alerts lies in the project, and keeps the next failure quiet for a while."""
    alerts = {"file": "alerts.jsonl", "repeat_minutes": 30}
    write_params({"train": {"alerts": alerts}}).rename(tmp_path / "copy" / "params.yaml")
    first, second = run_stage("refused"), run_stage("refused")
    (line,) = (tmp_path / "alerts.jsonl").read_text().splitlines()
    told = json.loads(line)
    assert (told["rule"], told["subject"], told["value"]) == ("stage_failed", "train@lora", 2)
    assert ("stage_failed" in first.stderr, "stage_failed" in second.stderr) == (True, False)


def test_params_that_cannot_be_read_keep_no_alert_back(run_stage, tmp_path):
    """They may be what the stage failed for."""
    (tmp_path / "copy" / "params.yaml").write_text("train: {}\n")
    done = run_stage("refused", **{WEBHOOK: "http://127.0.0.1:1/"})
    assert done.returncode == 2
    assert "stage_failed" in done.stderr
    assert "alert_not_delivered" in done.stderr


@pytest.mark.parametrize(
    ("error", "code", "events"),
    [
        pytest.param(None, 0, [], id="well"),
        pytest.param(CaretuneError("no."), 2, ["alert"], id="refused"),
        pytest.param(StoppedError("stopped."), 75, [], id="stopped"),
        pytest.param(SystemExit("words"), 1, ["alert"], id="words"),
        pytest.param(SystemExit(None), 0, [], id="no code"),
        pytest.param(ZeroDivisionError(), 1, ["alert"], id="broken"),
    ],
)
def test_the_code_that_is_put_down_is_that_of_the_process(
    error, code, events, tmp_path, monkeypatch
):
    """Known errors by their own, words and tracebacks by 1, as Python ends with them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(WEBHOOK, raising=False)
    action = failing(error) if error is not None else lambda: None
    with (
        contextlib.suppress(SystemExit, ZeroDivisionError),
        capture_logs() as logs,
        stage.recorded(Run(tmp_path, "gate", None, "c0ffee")),
    ):
        stage.guard(action)
    (entry,) = cost.read(tmp_path / stage.COSTS).entries
    assert (entry.usage.exit_code, entry.commit) == (code, "c0ffee")
    assert [log["event"] for log in logs] == events


def test_a_full_disk_of_the_ledger_is_one_line_of_the_log(tmp_path, monkeypatch):
    """Both lines are lost, and nothing else."""

    def refuse(_path, _entry):
        raise OSError("only a part of the line was written; is the disk full?")

    monkeypatch.setattr(cost, "append", refuse)
    with capture_logs() as logs, stage.recorded(Run(tmp_path, "gate", None, None)):
        pass
    assert [log["reason"] for log in logs] == [
        "only a part of the line was written; is the disk full?"
    ] * 2


def test_a_failure_is_told_as_params_say(tmp_path, monkeypatch, write_params):
    """In this process, with the file from the project's root."""
    write_params({"train": {"alerts": {"file": "alerts.jsonl"}}})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit), stage.recorded(Run(tmp_path, "gate", None, None)):
        raise SystemExit(2)
    assert '"rule":"stage_failed"' in (tmp_path / "alerts.jsonl").read_text()
