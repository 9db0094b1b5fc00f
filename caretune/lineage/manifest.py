"""The manifest of a release: what made it, and the sha256 of every byte in it.

It holds no commit, no time and no path outside the release, so that equal inputs give equal bytes;
its own sha256 is the digest of the release.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from caretune import records
from caretune.errors import LineageError
from caretune.lineage import digest
from caretune.lineage.fingerprint import Fingerprint

NAME = "manifest.json"
PARTS = ("base", "adapter", "filters")
"""Folders of a release, under the names that digests and verdicts give them."""
VERDICT = "verdict.json"


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """manifest.json."""

    format: int
    candidate: str
    """Name of the adapter that is released."""
    sources: dict[str, str]
    """Raw data file -> sha256."""
    ledger: dict[str, str]
    """Stage -> Merkle root of its row ledger."""
    digests: dict[str, str]
    """split, template, params, source, lock; base, adapter, filters, verdict -> sha256."""
    fingerprint: Fingerprint
    files: dict[str, str]
    """Every other file of the release -> sha256."""
    pipeline: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    """Every file between raw data and release -> sha256, such as `split/train.jsonl`; unset in a
    release of format 1, which did not record them."""
    seal: str = ""
    """sha256 of this manifest with an empty seal, so that no byte of it changes unseen."""


def write(
    folder: Path,
    *,
    candidate: str,
    sources: Mapping[str, str],
    ledger: Mapping[str, str],
    digests: Mapping[str, str],
    fingerprint: Fingerprint,
    pipeline: Mapping[str, str] | None = None,
) -> Manifest:
    """Write the manifest of a release whose other files are all in place.

    Args:
        folder: The release.
        candidate: Name of its adapter.
        sources: Raw data file -> sha256.
        ledger: Stage -> Merkle root.
        digests: What made the release; those of its own parts are added here.
        fingerprint: The machine it was made on.
        pipeline: File between raw data and release -> sha256; None where no pipeline made it.
    """
    files = digest.folder_files(folder)
    files.pop(NAME, None)
    manifest = Manifest(
        format=1 if pipeline is None else 2,
        candidate=candidate,
        sources=dict(sources),
        ledger=dict(ledger),
        digests={**digests, **_parts(files)},
        fingerprint=fingerprint,
        files=files,
        pipeline=msgspec.UNSET if pipeline is None else dict(pipeline),
    )
    manifest = msgspec.structs.replace(manifest, seal=_seal(manifest))
    records.write_json(folder / NAME, manifest)
    return manifest


def read(folder: Path) -> Manifest:
    """Read the manifest of a release and check its seal; the other files are not looked at.

    Raises:
        LineageError: It is missing, unreadable or altered.
    """
    manifest = parse(folder)
    if is_altered(folder, manifest):
        raise LineageError(
            f"{folder / NAME}: altered after it was sealed. Restore it with `dvc checkout` or "
            f"`dvc repro`."
        )
    return manifest


def parse(folder: Path) -> Manifest:
    """Read the manifest of a release, whole or altered: for who tells all that is wrong with it.

    Raises:
        LineageError: It is missing or not a manifest.
    """
    path = folder / NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise LineageError(
            f"{path}: missing or not a manifest ({error}). Run `dvc checkout` or `dvc repro`."
        ) from None


def is_altered(folder: Path, manifest: Manifest) -> bool:
    """Tell whether a manifest, as `parse` read it, is not in every byte what was sealed."""
    sealed = manifest.seal == _seal(manifest)
    return not sealed or (folder / NAME).read_bytes() != records.pretty(manifest)


def faults(manifest: Manifest, found: Mapping[str, str]) -> dict[str, str]:
    """Return name -> what is wrong with every file or part of a release, sorted; {} = whole.

    Args:
        manifest: As it was sealed.
        found: Every file of the release but the manifest -> sha256.
    """
    wrong = digest.differences(manifest.files, found)
    if wrong:
        return wrong
    recorded = {name: manifest.digests.get(name, "") for name in (*PARTS, "verdict")}
    return digest.differences(recorded, _parts(found))


def verify(folder: Path) -> Manifest:
    """Hash every file of a release again and return its manifest.

    Raises:
        LineageError: The manifest is missing or unreadable, or names the first file that is
            missing, extra or altered.
    """
    manifest = read(folder)
    found = digest.folder_files(folder)
    found.pop(NAME)
    for name, fault in faults(manifest, found).items():
        raise LineageError(
            f"{folder}: {name} {fault}. Restore it with `dvc checkout` or `dvc repro`."
        )
    return manifest


def _seal(manifest: Manifest) -> str:
    """Return the sha256 of a manifest's canonical JSON with an empty seal."""
    return digest.sha256_value(msgspec.structs.replace(manifest, seal=""))


def _parts(files: Mapping[str, str]) -> dict[str, str]:
    """Return the digests of the parts, as sha256_folder of each folder would give them."""
    folders: dict[str, dict[str, str]] = {}
    for name, sha256 in files.items():
        part, _, inner = name.partition("/")
        if inner and part in PARTS:
            folders.setdefault(part, {})[inner] = sha256
    found = {part: digest.sha256_value(inner) for part, inner in folders.items()}
    return found | ({"verdict": files[VERDICT]} if VERDICT in files else {})
