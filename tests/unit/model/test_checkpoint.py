"""A checkpoint is found on this machine alone, and named by its bytes."""

import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants

from caretune.errors import ModelError
from caretune.model import checkpoint

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(llama_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lay a downloaded hub id `someone/small` out as the hub's cache does."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--someone--small" / "snapshots" / COMMIT
    shutil.copytree(llama_checkpoint, snapshot)
    return snapshot


def test_folder_needs_no_revision(llama_checkpoint: Path):
    """A local folder is taken as it is."""
    assert checkpoint.locate(str(llama_checkpoint), None) == llama_checkpoint


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("revision", [None, "main", COMMIT[:12]])
def test_unpinned_hub_id_is_refused(revision: str | None):
    """A branch or nothing could be other weights tomorrow."""
    with pytest.raises(ModelError, match=f"needs its commit .* got revision {revision}"):
        checkpoint.locate("someone/small", revision)


def test_missing_folder_is_refused():
    """A name that is neither a folder nor a hub id says so."""
    with pytest.raises(ModelError, match=r"models/none/here: no such folder and no hub id"):
        checkpoint.locate("models/none/here", None)


def test_pinned_hub_id_is_found(hub: Path):
    """A downloaded snapshot is used without network."""
    found = checkpoint.locate("someone/small", COMMIT)
    assert checkpoint.weights_digest(found) == checkpoint.weights_digest(hub)


@pytest.mark.usefixtures("hub")
def test_hub_id_not_downloaded_names_the_command():
    """Nothing is fetched behind the user's back; the sentence says how to."""
    with pytest.raises(ModelError, match=f"`hf download other/one --revision {COMMIT}`"):
        checkpoint.locate("other/one", COMMIT)


def test_digest_follows_config_and_weights(llama_checkpoint: Path, tmp_path: Path):
    """A changed config is another model; a changed README is not."""
    folder = shutil.copytree(llama_checkpoint, tmp_path / "copy")
    (folder / "README.md").write_text("words", encoding="utf-8")
    assert checkpoint.weights_digest(folder) == checkpoint.weights_digest(llama_checkpoint)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    assert checkpoint.weights_digest(folder) != checkpoint.weights_digest(llama_checkpoint)


def test_pickled_weights_are_refused(llama_checkpoint: Path, tmp_path: Path):
    """A folder without safetensors is no base: a pickle can run anything."""
    folder = shutil.copytree(llama_checkpoint, tmp_path / "copy")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"needs config.json and \.safetensors weights"):
        checkpoint.weights_digest(folder)
