"""The certificate of forgetting, gathered from a tree: current files, git, cache, remotes, exports."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from caretune import records
from caretune.cli.tree import Tree
from caretune.lineage import digest, ledger, manifest, suppression
from caretune.lineage.suppression import Entry
from caretune.proof import certificate as certificates
from caretune.proof import history
from caretune.proof.certificate import Certificate, Place
from caretune.proof.forget import Release

_SHOWN = 20
_PURGE = "`dvc gc --workspace` deletes what the current files do not use, with all that a roll-back needs"
_ELSEWHERE = (
    Place("elsewhere", "other clones", "not to be seen from here", "push the tags, run this there"),
    Place(
        "elsewhere", "backups", "not to be seen from here", "restore none from before the rebuild"
    ),
    Place(
        "elsewhere",
        "bentos and images of revoked releases",
        "not to be seen from here",
        "`bentoml list`, `bentoml delete`; replace models/revoked.txt in those that stay",
    ),
)


def certificate(
    tree: Tree, entry: Entry, releases: Sequence[Release], exports: Path, date: str | None
) -> Certificate:
    """Look for the rows of an entry everywhere and return what was found."""
    wanted = _wanted(tree, entry)
    ledgers = [path for path in tree.ledgers.values() if path.is_file()]
    current = _current(tree, {*tree.ledgers.values()})
    searched = certificates.counted(current, ledgers, wanted)
    faults = certificates.faults(searched, _stale(tree), entry in suppression.read(tree.suppressed))
    sealed = tree.release / manifest.NAME
    return Certificate(
        format=1,
        kind=entry.kind,
        key=entry.key,
        date=date,
        clean=not faults,
        faults=faults,
        rows=len(wanted),
        searched=searched,
        suppressed_sha256=digest.sha256_file(tree.suppressed),
        release=digest.sha256_file(sealed) if sealed.is_file() else None,
        revoked=certificates.revoked(releases),
        held=sorted(
            [
                *_raw(tree, wanted),
                *_cache(tree, entry, wanted),
                *_experiments(tree, entry),
                *_exports(exports, wanted),
                *certificates.of_releases(releases),
                *_ELSEWHERE,
            ]
        ),
    )


def write(path: Path, found: Certificate) -> None:
    """Write a certificate as JSON, and beside it for people to read."""
    records.write_json(path, found)
    records.write_text(path.with_suffix(".txt"), certificates.text(found))


def _wanted(tree: Tree, entry: Entry) -> frozenset[str]:
    """Return the ids that are meant: rows, children and expert examples of any run."""
    found = certificates.names(entry, [tree.ledgers["ingest"]])
    for run in tree.runs:
        found.update(name for ids in tree.touched(entry, run).rows.values() for name in ids)
    return frozenset(found)


def _current(tree: Tree, ledgers: set[Path]) -> list[Path]:
    """Return every file that a stage wrote and that is no ledger."""
    found: set[Path] = set()
    for stage in tree.pipeline:
        for out in (tree.root / out for out in stage.outs):
            found.update(path for path in (out, *out.rglob("*")) if path.is_file())
    return sorted(found - ledgers)


def _stale(tree: Tree) -> list[str]:
    """Return why the current files were not all made with the present suppression list."""
    name = tree.suppressed.relative_to(tree.root).as_posix()
    blind = [
        f"the stage {stage} was not run with {name}"
        for stage in ("filters", "ingest")
        if name not in {dep["path"] for dep in tree.present.stages.get(stage, {}).get("deps", [])}
    ]
    return [*blind, *history.out_of_date(tree.present, tree.root)]


def _raw(tree: Tree, wanted: frozenset[str]) -> Iterable[Place]:
    lines: dict[str, list[str]] = {}
    for edge in ledger.stream(tree.ledgers["ingest"]):
        if (edge.to or edge.detail.partition(":")[0]) in wanted:
            source, _, line = edge.source.rpartition(":")
            lines.setdefault(source, []).append(line)
    remedy = "delete the lines where the law asks for it, with sha256 in params.ingest.sources"
    for source, numbers in sorted(lines.items()):
        path = tree.sources.get(source)
        shown = ", ".join(sorted(numbers, key=_number)[:_SHOWN])
        more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
        where = str(path or source)
        yield Place("raw", f"{where} lines {shown}{more}", "yes", remedy)
        log = history.git(tree.root, "log", "--all", "--format=%H", "--", where).split()
        if log:
            rewrite = "rewrite the history (git filter-repo) where the law asks for it"
            yield Place("raw", f"git history of {where}, {len(log)} commits", "yes", rewrite)


def _number(line: str) -> list[int]:
    """Return what the name of a line sorts by: `12.2`, its second row, comes after `12`."""
    return [int(part) for part in line.split(".")]


def _cache(tree: Tree, entry: Entry, wanted: frozenset[str]) -> Iterable[Place]:
    """Yield cache objects with one of the ids, or with weights that learnt; and the remotes'."""
    # What the present run wrote lies in the tree too and was looked into there.
    now = _objects(tree, tree.present.outs)
    older = [path for path in tree.cache.objects() if path not in now]
    texts = certificates.holders("cache", older, wanted, _PURGE)
    weights = [
        Place("cache", str(path), f"weights that learnt from it ({out})", _PURGE)
        for out, path in _weights(tree, entry)
    ]
    yield from texts
    yield from weights
    held = {Path(place.where).relative_to(tree.cache.folder) for place in (*texts, *weights)}
    for name, address in history.remotes(tree.root).items():
        where = f"{name} ({address})"
        remedy = "`dvc gc --cloud` there, with all that a roll-back needs"
        if "://" in address:
            unseen = "cannot be looked into from here"
            yield Place("remote", where, f"{unseen}; {len(held)} objects to look for", remedy)
        elif there := sum((Path(address) / path).is_file() for path in held):
            yield Place("remote", where, f"yes: {there} objects", remedy)


def _weights(tree: Tree, entry: Entry) -> list[tuple[str, Path]]:
    """Return out and cache object of all weights that learnt from the rows and lie in the cache."""
    folder = f"{tree.release.parent.relative_to(tree.root).as_posix()}/"
    found = {
        (out, path)
        for run in tree.runs
        for out, md5 in run.outs.items()
        if out.startswith(folder)
        for inner, name in _members(tree, md5).items()
        if _part(tree, f"{out}/{inner}") in tree.touched(entry, run).learnt
        and (path := tree.cache.object(name)).is_file()
    }
    now = _objects(tree, tree.present.outs)
    learning = tree.touched(entry, tree.present).learnt
    return sorted(pair for pair in found if learning or pair[1] not in now)


def _part(tree: Tree, path: str) -> str:
    """Return the part that a file of a model is of, by its folder; a release has one folder a part."""
    place = tree.root / path
    above = tree.release if place.is_relative_to(tree.release) else tree.release.parent
    return place.relative_to(above).parts[0]


def _members(tree: Tree, md5: str) -> dict[str, str]:
    """Return relative path -> md5 of an out's files; a file by itself has the path ``."""
    return (tree.cache.members(md5) or {}) if md5.endswith(".dir") else {"": md5}


def _objects(tree: Tree, outs: dict[str, str]) -> set[Path]:
    """Return where the cache keeps some outs: files, lists of folders, and the files in these."""
    return {
        tree.cache.object(name)
        for md5 in outs.values()
        for name in (md5, *_members(tree, md5).values())
    }


def _experiments(tree: Tree, entry: Entry) -> Iterable[Place]:
    for run in tree.runs:
        for name in run.names:
            if name.startswith("refs/exps/") and tree.touched(entry, run).rows:
                yield Place("experiment", name, "yes", "`dvc exp remove`, then the cache")


def _exports(folder: Path, wanted: frozenset[str]) -> Iterable[Place]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    packed = [path for path in files if path.suffix in {".parquet", ".gz", ".zst"}]
    remedy = "delete it, export anew, ask those who have it to delete theirs"
    yield from certificates.holders("export", [f for f in files if f not in packed], wanted, remedy)
    for path in packed:
        yield Place("export", str(path), "packed: cannot be looked into", remedy)
