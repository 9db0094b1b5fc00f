"""The bytes: every file of a release, and every file it was made from, hashed anew."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from caretune.lineage import digest, manifest
from caretune.lineage.manifest import Manifest
from caretune.proof.project import Fault, Project

_BLOCK_BYTES = 1 << 20
_THREADS = 2
"""hashlib lets go of Python's lock; more threads than disks and cores feed bring nothing."""

Seen = Callable[[int], object]
"""Is told of bytes that were read."""


def paths(project: Project) -> list[Path]:
    """Return every file that a release stands on, source tree included, the cache not counted."""
    return sorted(
        {
            *digest.folder_paths(project.release).values(),
            *digest.named_paths(project.places).values(),
            *digest.folder_paths(project.raw).values(),
            *(path for source in project.sources for path in _files(source.path)),
            *(path for path in (project.params, project.lock) if path.is_file()),
        }
    )


def _files(source: Path) -> list[Path]:
    """Return the file of a source, or the files of its folder; none where it is missing."""
    if source.is_dir():
        return list(digest.folder_paths(source).values())
    return [source] if source.is_file() else []


def cached(cache: Path | None) -> list[Path]:
    """Return the objects of a DVC cache; they lie under two letters of their own md5."""
    return sorted((cache / "files" / "md5").glob("??/*")) if cache is not None else []


def hashes(files: Iterable[Path], algorithm: str, seen: Seen) -> dict[Path, str]:
    """Return the digest of each file, read block by block by two threads."""
    files = list(files)

    def hashed(path: Path) -> str:
        found = hashlib.new(algorithm, usedforsecurity=False)
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                found.update(block)
                seen(len(block))
        return found.hexdigest()

    with ThreadPoolExecutor(_THREADS) as pool:
        return dict(zip(files, pool.map(hashed, files), strict=True))


def cache_faults(found: Mapping[Path, str]) -> Iterator[Fault]:
    """Yield a fault for every cache object whose bytes are not those that its name tells.

    Args:
        found: Object -> md5 of its bytes. A folder's list, `.dir`, is named by its own md5 too.
    """
    for path, md5 in found.items():
        named = f"{path.parent.name}{path.name.removesuffix('.dir')}"
        if named != md5:
            yield Fault(str(path), f"is named {named[:12]} in DVC's cache, but has md5 {md5[:12]}")


def faults(project: Project, recorded: Manifest, found: Mapping[Path, str]) -> Iterator[Fault]:
    """Yield a fault for every file that is missing, extra or altered.

    Args:
        project: Where the files are.
        recorded: The manifest, sealed.
        found: Every file of `paths` -> sha256.
    """
    released = _found(digest.folder_paths(project.release), found)
    released.pop(manifest.NAME, None)
    for name, problem in manifest.faults(recorded, released).items():
        yield Fault(str(project.release / name), problem)
    if isinstance(recorded.pipeline, dict):
        named = _found(digest.named_paths(project.places), found)
        for name, problem in digest.differences(recorded.pipeline, named).items():
            place, _, inner = name.partition("/")
            yield Fault(str(project.places.get(place, Path(place)) / inner), problem)
    else:
        yield Fault(
            str(project.release / manifest.NAME),
            "is of format 1, which records no file between raw data and release: `dvc repro` "
            "makes a release that does",
        )
    yield from _raw_faults(project, recorded, found)
    yield from _digest_faults(project, recorded, found)


def _raw_faults(project: Project, recorded: Manifest, found: Mapping[Path, str]) -> Iterator[Fault]:
    places = digest.folder_paths(project.raw)
    present = _found(places, found)
    places |= {source.name: source.path for source in project.sources}
    for source in project.sources:
        own = {
            path.relative_to(source.path).as_posix(): found[path] for path in _files(source.path)
        }
        if own:
            # As `digest.check_source` names a file, or a folder of files.
            present[source.name] = own.get(".") or digest.sha256_value(own)
    wrong = {
        # A source that lies in the folder of raw files is recorded there as well.
        Fault(str(places.get(name, project.raw / name)), problem)
        for name, problem in digest.differences(recorded.sources, present).items()
    }
    yield from sorted(wrong)


def _digest_faults(
    project: Project, recorded: Manifest, found: Mapping[Path, str]
) -> Iterator[Fault]:
    code = digest.sha256_value([digest.sha256_folder(folder) for folder in project.code])
    ways = {
        "params": (str(project.params), found.get(project.params)),
        "lock": (str(project.lock), found.get(project.lock)),
        "source": (", ".join(map(str, project.code)), code),
    }
    for name, (file, sha256) in ways.items():
        if sha256 is None:
            yield Fault(file, "is missing")
        elif sha256 != recorded.digests.get(name):
            expected = recorded.digests.get(name, "")[:12]
            yield Fault(file, f"has sha256 {sha256[:12]}, the manifest says {expected}")


def _found(places: Mapping[str, Path], found: Mapping[Path, str]) -> dict[str, str]:
    return {name: found[path] for name, path in places.items() if path in found}
