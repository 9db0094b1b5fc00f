"""Data as a git revision had it: named by that revision's dvc.lock, read from DVC's cache."""

from pathlib import Path

from ruamel.yaml import YAML

from caretune.errors import LineageError
from caretune.proof import history
from caretune.proof.history import Cache, Run

_LOCK = "dvc.lock"


def files(revision: str, out: Path, root: Path = Path()) -> dict[str, Path]:
    """Return name -> cache object of an output as a revision had it; a file has the name `""`.

    Args:
        revision: A commit, branch or tag.
        out: A file or folder that a stage writes, relative to the root.
        root: Root of the project.

    Raises:
        LineageError: git or dvc.lock does not know it, or the cache does not hold its bytes.
    """
    outs, cache = _run(revision, root).outs, history.cache_of(root)
    md5 = outs.get(out.as_posix())
    if md5 is None:
        raise LineageError(
            f"{revision}: its {_LOCK} names no output {out}. Name a revision whose pipeline wrote "
            f"it to the cache."
        )
    found = _cached(cache, md5, f"{out} at {revision}")
    members = cache.members(md5) if md5.endswith(".dir") else None
    if members is None:
        return {"": found}
    return {
        name: _cached(cache, member, f"{out}/{name} at {revision}")
        for name, member in members.items()
    }


def _run(revision: str, root: Path) -> Run:
    try:
        # The end of options: a revision that begins with a dash is a revision all the same.
        text = history.git(root, "show", "--end-of-options", f"{revision}:./{_LOCK}")
    except LineageError as error:
        raise LineageError(
            f"{revision}: no {_LOCK} there ({error}). Name a commit, branch or tag at which the "
            f"pipeline had run."
        ) from None
    return Run("", (revision,), (), YAML(typ="safe", pure=True).load(text)["stages"])


def _cached(cache: Cache, md5: str, name: str) -> Path:
    path = cache.object(md5)
    if not path.is_file():
        raise LineageError(
            f"{name}: the cache does not hold {md5}. Run `dvc fetch --all-commits` where a remote "
            f"has it, or `dvc repro` at that revision."
        )
    if (found := history.md5_of(path)) != md5.removesuffix(".dir"):
        raise LineageError(
            f"{name}: the bytes at {path} have md5 {found}, not that of their name. Delete the "
            f"file and run `dvc fetch --all-commits`."
        )
    return path
