"""A checkpoint on this machine: where it lies, and one digest of what it computes."""

import re
from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import LocalEntryNotFoundError

from caretune.errors import ModelError
from caretune.lineage import digest

_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def locate(source: str, revision: str | None) -> Path:
    """Return the folder of a checkpoint: the source itself, or a hub id's snapshot on this disk.

    Nothing is fetched. A folder needs no revision, since its bytes are recorded; a hub id does.

    Raises:
        ModelError: The folder is missing, or the hub id is not pinned or not downloaded.
    """
    if Path(source).is_dir():
        return Path(source)
    if not _HUB_ID.fullmatch(source):
        raise ModelError(
            f"{source}: no such folder and no hub id; set params.base.source to `rehearsal`, a "
            "folder or a hub id."
        )
    if revision is None or not _COMMIT.fullmatch(revision):
        raise ModelError(
            f"{source}: a hub id needs its commit (40 hex digits), got revision {revision}, so "
            "that the weights cannot change; set params.base.revision."
        )
    try:
        return Path(
            huggingface_hub.snapshot_download(source, revision=revision, local_files_only=True)
        )
    except LocalEntryNotFoundError:
        raise ModelError(
            f"{source}: commit {revision[:12]} is not on this machine; fetch it with "
            f"`hf download {source} --revision {revision}`."
        ) from None


def weights_digest(folder: Path) -> str:
    """Return one sha256 over config.json and every .safetensors file of a folder.

    Raises:
        ModelError: One of the two is missing; pickled weights are never loaded.
    """
    weights = sorted(folder.glob("*.safetensors"))
    config = folder / "config.json"
    if not weights or not config.is_file():
        raise ModelError(
            f"{folder}: needs config.json and .safetensors weights; save the model with "
            "`save_pretrained`."
        )
    return digest.sha256_value({path.name: digest.sha256_file(path) for path in [config, *weights]})
