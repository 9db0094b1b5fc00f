"""What older runs left: the lock files that git remembers, and the bytes that DVC's cache keeps."""

import configparser
import functools
import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from caretune.errors import LineageError

_FOLDER = ".dir"
_SHOWN = 3


class Run(NamedTuple):
    """One lock file: what a run wrote, and where git names it."""

    lock: str
    """Git's name of the lock file's bytes; `` for one that is not committed."""
    commits: tuple[str, ...]
    names: tuple[str, ...]
    """Branches, tags and experiments whose lock file it is, as git writes refs; sorted."""
    stages: Mapping[str, Any]
    """The lock file's stages."""

    @property
    def outs(self) -> dict[str, str]:
        """Path -> md5 of everything that the run wrote into the cache or git."""
        written = (out for stage in self.stages.values() for out in stage.get("outs", []))
        return {out["path"]: out["md5"] for out in written if "md5" in out}


class Cache(NamedTuple):
    """DVC's cache: objects under two letters of their own md5."""

    folder: Path

    def object(self, md5: str) -> Path:
        """Return where an object lies, whether it is there or not."""
        return self.folder / "files" / "md5" / md5[:2] / md5[2:]

    def members(self, md5: str) -> dict[str, str] | None:
        """Return relative path -> md5 of a folder's files; None where its list is not here."""
        try:
            listed = msgspec.json.decode(self.object(md5).read_bytes())
        except FileNotFoundError:
            return None
        return {member["relpath"]: member["md5"] for member in listed}

    def objects(self) -> list[Path]:
        """Return every object, sorted."""
        return sorted((self.folder / "files" / "md5").glob("??/*"))


def git(root: Path, *arguments: str, text: str | None = None) -> str:
    """Return what git says.

    Raises:
        LineageError: Git fails; its own last line is told.
    """
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise LineageError(f"git {arguments[0]}: {said[0]}")
    return done.stdout


def runs(root: Path, lock: str) -> list[Run]:
    """Return every run that git remembers on any branch, tag or experiment, the newest first.

    Args:
        root: The project.
        lock: Name of the lock file.
    """
    commits: dict[str, list[str]] = {}
    for commit, blob in _changes(root, lock):
        commits.setdefault(blob, []).append(commit)
    names: dict[str, list[str]] = {}
    refs = git(root, "for-each-ref", "--format=%(refname)").split()
    asked = "".join(f"{ref}:{lock}\n" for ref in refs)
    for ref, line in zip(
        refs, git(root, "cat-file", "--batch-check", text=asked).splitlines(), strict=True
    ):
        if not line.endswith(" missing"):
            names.setdefault(line.split()[0], []).append(ref)
    return [
        Run(
            blob,
            tuple(commits.get(blob, ())),
            tuple(sorted(names.get(blob, ()))),
            _stages(git(root, "cat-file", "blob", blob), f"{lock} of {blob[:12]}"),
        )
        for blob in [*commits, *sorted(names.keys() - commits.keys())]
    ]


def present(path: Path) -> Run:
    """Return the run whose lock file lies in the working tree.

    Raises:
        LineageError: There is none.
    """
    if not path.is_file():
        raise LineageError(f"{path}: no such file, so nothing was ever made here. Run `dvc repro`.")
    return Run("", (), (), _stages(path.read_text(encoding="utf-8"), str(path)))


def find(run: Run, cache: Cache, path: str, tree: Path) -> Path | None:
    """Return a file with the bytes that a run wrote at `path`, or None where they are not here.

    Args:
        run: The run.
        cache: Looked into first.
        path: Relative to the project, as the lock file names it; a file may lie in an out folder.
        tree: The project; a file of it counts where it has the very bytes.
    """
    md5 = next((found for found in _named(run, cache, path, tree)), None)
    if md5 is None:
        return None
    if (kept := cache.object(md5)).is_file():
        return kept
    here = tree / path
    return here if here.is_file() and _md5_now(here) == md5 else None


def out_of_date(run: Run, tree: Path) -> list[str]:
    """Return a phrase for each stage that read or wrote other bytes than lie in the tree.

    The bytes are hashed here; no state of DVC is asked.
    """
    hashed = functools.cache(md5_of)
    faults = []
    for name, stage in sorted(run.stages.items()):
        other = [
            end["path"]
            for end in (*stage.get("deps", []), *stage.get("outs", []))
            if not (path := tree / end["path"]).exists() or hashed(path) != end.get("md5")
        ]
        if other:
            more = f" and {len(other) - _SHOWN} more" if len(other) > _SHOWN else ""
            listed = ", ".join(other[:_SHOWN])
            faults.append(f"the stage {name} read or wrote other bytes of {listed}{more}")
    return faults


def md5_of(path: Path) -> str:
    """Return DVC's md5 of a file, or of a folder (the md5 of its list, with `.dir`)."""
    if path.is_dir():
        found = [
            {"md5": md5_of(file), "relpath": file.relative_to(path).as_posix()}
            for file in sorted(path.rglob("*"))
            if file.is_file() and not _ignored(file)
        ]
        found.sort(key=lambda member: member["relpath"])
        text = json.dumps(found, sort_keys=True).encode()
        return hashlib.md5(text, usedforsecurity=False).hexdigest() + _FOLDER
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def settings(root: Path) -> dict[str, dict[str, str]]:
    """Return DVC's settings of a project, section -> key -> value; the local ones win."""
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.read([root / ".dvc" / "config", root / ".dvc" / "config.local"], encoding="utf-8")
    return {section.strip("'"): dict(parser[section]) for section in parser.sections()}


def remotes(root: Path) -> dict[str, str]:
    """Return name -> address of the project's DVC remotes; relative folders as DVC means them."""
    found = {}
    for section, values in settings(root).items():
        if section.startswith("remote ") and "url" in values:
            url = values["url"]
            local = "://" not in url
            found[section.split(None, 1)[1].strip('"')] = (
                str((root / ".dvc" / url).resolve()) if local else url
            )
    return dict(sorted(found.items()))


def cache_of(root: Path) -> Cache:
    """Return the cache of a project, where its settings put it."""
    folder = settings(root).get("cache", {}).get("dir")
    return Cache(root / ".dvc" / (folder or "cache"))


def _named(run: Run, cache: Cache, path: str, tree: Path) -> Iterator[str]:
    """Yield the md5 of the bytes that a run wrote at a path, by itself or in a folder.

    Where the folder's list is not here, the tree's folder tells, if it has the very bytes.
    """
    for out, md5 in run.outs.items():
        if path == out:
            yield md5
        elif md5.endswith(_FOLDER) and path.startswith(f"{out}/"):
            members, here = cache.members(md5), tree / path
            if members is not None:
                yield from (
                    members[name] for name in [path.removeprefix(f"{out}/")] if name in members
                )
            elif here.is_file() and _md5_now(tree / out) == md5:
                yield _md5_now(here)


def _md5_now(path: Path) -> str:
    """Return md5_of a file or folder; hashed once for many runs, as long as no file of it changes."""
    stats = [(file, file.stat()) for file in sorted([path, *path.rglob("*")])]
    return _md5_at(path, tuple((f, s.st_mtime_ns, s.st_size, s.st_ino) for f, s in stats))


@functools.lru_cache(maxsize=256)
def _md5_at(path: Path, _: tuple[tuple[Path, int, int, int], ...]) -> str:
    return md5_of(path)


def _ignored(file: Path) -> bool:
    """Tell what .dvcignore of this project leaves out."""
    return "__pycache__" in file.parts or file.suffix == ".pyc" or file.name == ".gitignore"


def _changes(root: Path, lock: str) -> Iterator[tuple[str, str]]:
    """Yield commit and lock file's name in git, for every commit that changed it."""
    log = [
        "log",
        "--all",
        "--topo-order",
        "--full-history",
        "-m",
        "--raw",
        "--no-abbrev",
        "--format=commit %H",
    ]
    commit = ""
    for line in git(root, *log, "--", lock).splitlines():
        if line.startswith("commit "):
            commit = line.split()[1]
        elif line.startswith(":") and line.split()[4] != "D":
            yield commit, line.split()[3]


def _stages(text: str, where: str) -> Mapping[str, Any]:
    try:
        loaded = YAML(typ="safe", pure=True).load(text)
        return dict(loaded["stages"])
    except (YAMLError, TypeError, KeyError):
        raise LineageError(f"{where}: not a lock file of DVC. Restore it from git.") from None
