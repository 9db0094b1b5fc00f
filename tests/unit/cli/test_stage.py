"""A stage that meets a known error says one sentence and exits with 2."""

import errno
import shutil

import pytest

from caretune.cli import layout, stage
from caretune.errors import CaretuneError, ParamsError
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
    """Only a full disk is said in one sentence."""
    with pytest.raises(PermissionError):
        stage.guard(failing(PermissionError(errno.EACCES, "Permission denied", "models")))


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
