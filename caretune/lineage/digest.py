"""sha256 digests of bytes, files and canonical JSON: the only place where bytes become names."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from caretune import records
from caretune.errors import LineageError, SourceError

_IGNORED = {"__pycache__", ".gitignore"}


def sha256_bytes(data: bytes) -> str:
    """Return the sha256 of bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def sha256_value(value: Any) -> str:
    """Return the sha256 of a value's canonical JSON, in hex."""
    return sha256_bytes(records.encode(value))


def sha256_file(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hex, read piece by piece.

    Raises:
        LineageError: There is no such file.
    """
    if not path.is_file():
        raise LineageError(
            f"{path}: no such file to hash. Run `dvc repro` or `dvc checkout` first."
        )
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_source(path: Path, sha256: str, field: str, remedy: str) -> None:
    """Check that a data source is there and has exactly the bytes that params name.

    Args:
        path: The file.
        sha256: The digest that it must have.
        field: The field of params that names it; its path and digest stand below.
        remedy: What to do where it is missing.

    Raises:
        SourceError: It is missing or has another digest (which is given).
    """
    if not path.exists():
        raise SourceError(f"{path}: no such file, named in {field}.path. {remedy}")
    found = sha256_folder(path) if path.is_dir() else sha256_file(path)
    if found != sha256:
        raise SourceError(
            f"{path}: has sha256 {found}, but {field}.sha256 says {sha256}. Restore "
            f"the file; or, where the change is meant, set {field}.sha256 to {found}"
        )


def folder_paths(folder: Path) -> dict[str, Path]:
    """Return relative name -> path of every file below a folder, sorted; {} for no folder.

    Caches of Python and .gitignore files, which tools write, do not count.
    """
    names = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    kept = {name.as_posix(): names[name] for name in names if _IGNORED.isdisjoint(name.parts)}
    return dict(sorted(kept.items()))


def named_paths(places: Mapping[str, Path]) -> dict[str, Path]:
    """Return name -> path of all files at some places: `corpus` a file, `split/train.jsonl` in one.

    Args:
        places: Name -> a file or a folder; one that is not there has no files.
    """
    files: dict[str, Path] = {}
    for name, place in sorted(places.items()):
        if place.is_file():
            files[name] = place
        files |= {f"{name}/{inner}": path for inner, path in folder_paths(place).items()}
    return files


def sha256_files(places: Mapping[str, Path]) -> dict[str, str]:
    """Return name -> sha256 of all files at some places, named as `named_paths` names them."""
    return {name: sha256_file(path) for name, path in named_paths(places).items()}


def folder_files(folder: Path) -> dict[str, str]:
    """Return relative path -> sha256 of every file below a folder, sorted by path.

    Raises:
        LineageError: The folder does not exist or holds no file.
    """
    files = {name: sha256_file(path) for name, path in folder_paths(folder).items()}
    if not files:
        raise LineageError(f"{folder}: no files to hash. Run `dvc repro` or `dvc checkout` first.")
    return files


def sha256_folder(folder: Path) -> str:
    """Return one sha256 over the names and bytes of every file below a folder."""
    return sha256_value(folder_files(folder))


def differences(recorded: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """Return name -> what is wrong for every file that is missing, extra or altered, sorted."""
    faults = {}
    for name in sorted({*recorded, *found}):
        if name not in found:
            faults[name] = "is missing"
        elif name not in recorded:
            faults[name] = "is not in the manifest"
        elif recorded[name] != found[name]:
            faults[name] = f"has sha256 {found[name][:12]}, the manifest says {recorded[name][:12]}"
    return faults
