"""`caretune forget` and `caretune revoked`: what a row has touched, and how it leaves."""

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from caretune.cli import prediction, proof_of_absence
from caretune.cli.tree import Tree
from caretune.errors import LineageError
from caretune.lineage import digest as digests
from caretune.lineage import identity, ledger, manifest, revocation, suppression
from caretune.lineage.suppression import Entry
from caretune.proof import certificate as certificates
from caretune.proof import forget as forgetting
from caretune.proof import history
from caretune.proof.forget import Release, Touched
from caretune.proof.history import Run

_AUTHOR = ("-c", "user.name=caretune", "-c", "user.email=caretune@localhost")
_HASH = re.compile("[0-9a-f]{32}")
_LINE = re.compile(r"(?P<source>.+):[1-9][0-9]*(\.[1-9][0-9]*)?")
_DIGEST = re.compile("[0-9a-f]{64}")
_NO_REASON = "revoked by a tag that gives no reason"
_NOT_CLEAN = 1
_SHOWN = 5


def forget(
    target: Annotated[
        str,
        typer.Argument(
            help="Id of a row, `SOURCE:LINE`, name of a source, or (with --source) a person's name "
            "or hash; `-` reads the name from standard input, so that no shell keeps it.",
        ),
    ],
    source: Annotated[
        str | None, typer.Option(help="The source in which the person's name stands.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what is affected and write nothing.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask; also for a target that is seen nowhere.")
    ] = False,
    certificate: Annotated[
        Path | None,
        typer.Option(help="After the rebuild: write the certificate here, and beside it as .txt."),
    ] = None,
    date: Annotated[
        str | None, typer.Option(help="Date that the certificate bears; none by itself.")
    ] = None,
    exports: Annotated[Path, typer.Option(help="Folder of exported data.")] = Path("data/export"),
) -> None:
    """Forget a row, a source or a person: tell what it touched, suppress it, revoke what learnt it.

    Nothing is deleted and nothing is built: `dvc repro` does that next, and then the certificate
    tells what no longer holds the rows and what still does.

    Exit code 0; with --certificate 1 where the current files still hold a row or are not up to date.

    For example:

      caretune forget dialogues:12 --dry-run

      caretune forget dialogues:12 && dvc repro

      caretune forget dialogues:12 --certificate forgotten.json
    """
    _check_certificate(certificate, dry_run=dry_run)
    tree = Tree(Path())
    entry = _entry(tree, target, source)
    releases = tree.releases(entry)
    if certificate is not None:
        _sync(tree)
        found = proof_of_absence.certificate(tree, entry, [r for _, r in releases], exports, date)
        proof_of_absence.write(certificate, found)
        state = "clean" if found.clean else f"not clean ({found.faults[0]})"
        typer.echo(f"{certificate}: current files {state}; {len(found.held)} other holders")
        raise typer.Exit(0 if found.clean else _NOT_CLEAN)
    here = tree.touched(entry, tree.present)
    _check_known(tree, entry, here, releases, yes=yes)
    revoked = forgetting.to_revoke((release for _, release in releases), entry)
    revoked |= _closed(tree, entry, releases, yes=yes, dry_run=dry_run)
    _tell(tree, entry, here, releases, revoked)
    if dry_run:
        return
    question = "Write this, and revoke these releases (a service that runs one stops answering)?"
    if not yes and not typer.confirm(question):
        raise typer.Exit(_NOT_CLEAN)
    # First: whatever fails here must not leave a list that says all is done.
    _revoke(tree, revoked, {r.digest: run for run, r in releases if r.digest is not None})
    new = suppression.add(tree.suppressed, entry)
    if entry.kind == "person":
        suppression.add(tree.suppressed, Entry("key", identity.key_mark(_person_key())))
    typer.echo(f"{tree.suppressed}: {'written' if new else 'stood there before'}")
    typer.echo(
        f"next: git add {tree.suppressed} && dvc repro, then commit, then "
        f"caretune forget {_again(entry, target, source)} --certificate forgotten.json"
    )
    if revoked:
        typer.echo("other clones: git push REMOTE 'refs/tags/revoked/*', there `caretune revoked`")


def revoked() -> None:
    """Bring the releases that git tags tell as revoked into models/revoked.txt, and list all."""
    tree = Tree(Path())
    new = _sync(tree)
    for digest, reason in revocation.read(revocation.beside(tree.release)).items():
        typer.echo(f"{digest} {reason}{'  (new here)' if digest in new else ''}")


def _check_certificate(path: Path | None, *, dry_run: bool) -> None:
    if path is not None and dry_run:
        raise LineageError("--certificate writes a file and --dry-run none. Leave one of them out.")
    if path is not None and path.suffix == ".txt":
        raise LineageError(f"{path}: its text is written there. Name the certificate NAME.json.")


def _entry(tree: Tree, target: str, source: str | None) -> Entry:
    """Return what a target means."""
    if source is not None:
        return _person(tree, target, source)
    if target in tree.sources:
        return Entry("source", target)
    if _LINE.fullmatch(target):
        return _row_of_line(tree, target)
    if not _HASH.fullmatch(target):
        # It may be a person's name, so it is not quoted.
        raise LineageError(
            "the target is no row id, no `SOURCE:LINE` and no source of params.ingest.sources "
            f"({', '.join(sorted(tree.sources))}). For a person say in which: --source NAME."
        )
    known = set(suppression.read(tree.suppressed))
    if (person := Entry("person", target)) in known or _is_person(tree, target):
        return person
    return Entry("row", target)


def _person(tree: Tree, name: str, source: str) -> Entry:
    if source not in tree.sources:
        raise LineageError(
            f"--source {source}: not in params.ingest.sources ({', '.join(sorted(tree.sources))})."
        )
    if name == "-":
        name = sys.stdin.readline().strip()
    if _HASH.fullmatch(name):
        return Entry("person", name)
    key = _person_key()
    if key == identity.PUBLIC_PERSON_KEY:
        typer.echo(
            "CARETUNE_PERSON_KEY is not set: the hash is made with the public key, and anybody who "
            "knows the name can find it in the list.",
            err=True,
        )
    return Entry("person", identity.person_hash(key, source, name))


def _person_key() -> str:
    return os.environ.get("CARETUNE_PERSON_KEY", identity.PUBLIC_PERSON_KEY)


def _row_of_line(tree: Tree, line: str) -> Entry:
    for edge in ledger.stream(tree.ledgers["ingest"]):
        if edge.source == line and edge.to:
            return Entry("row", edge.to)
        if edge.source == line and _HASH.fullmatch(name := edge.detail.partition(":")[0]):
            return Entry("row", name)
        if edge.source == line:
            raise LineageError(
                f"{line}: left by the exit `{edge.exit}`, so nothing learnt from it."
            )
    raise LineageError(f"{line}: no such line in {tree.ledgers['ingest']}. Run `dvc repro` first.")


def _is_person(tree: Tree, key: str) -> bool:
    entry = Entry("person", key)
    return any(tree.touched(entry, run).rows for run in tree.runs)


def _check_known(
    tree: Tree,
    entry: Entry,
    here: Touched,
    releases: Iterable[tuple[Run, Release]],
    *,
    yes: bool,
) -> None:
    seen = any(t.rows or t.learnt for t in (here, *(release.touched for _, release in releases)))
    if seen or yes or entry.kind == "source" or entry in suppression.read(tree.suppressed):
        return
    hint = " The key CARETUNE_PERSON_KEY must be that of ingest." if entry.kind == "person" else ""
    raise LineageError(
        f"{entry.kind} {entry.key}: in no run that is remembered here. Check it, or suppress it "
        f"all the same with --yes.{hint}"
    )


def _closed(
    tree: Tree,
    entry: Entry,
    releases: Iterable[tuple[Run, Release]],
    *,
    yes: bool,
    dry_run: bool,
) -> dict[str, str]:
    """Return the current release to be revoked where nobody can tell what it learnt, else {}."""
    sealed = tree.release / manifest.NAME
    if not sealed.is_file():
        return {}
    current = digests.sha256_file(sealed)
    if not forgetting.unclear((release for _, release in releases), current):
        return {}
    if not yes and not dry_run:
        raise LineageError(
            f"release {current[:12]} lies in {tree.release} and the data that it learnt from is not "
            "here, so nobody can tell whether it must be revoked; nothing was written. Run `dvc "
            "fetch` and ask again, or revoke it all the same with --yes."
        )
    return {current: forgetting.unclear_reason(entry)}


def _tell(
    tree: Tree,
    entry: Entry,
    here: Touched,
    releases: list[tuple[Run, Release]],
    revoked: dict[str, str],
) -> None:
    """Say what is affected."""
    typer.echo(f"{entry.kind} {entry.key}")
    for name, path in tree.places.items():
        if ids := here.rows.get(name, []):
            more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
            typer.echo(f"  {path}: {len(ids)} ({', '.join(ids[:_SHOWN])}{more})")
    if (door := tree.ledgers["ingest"]).is_file():
        left = sorted(certificates.names(entry, [door]) - {entry.key})
        if left:
            more = f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
            typer.echo(f"  left as suppressed: {len(left)} ({', '.join(left[:_SHOWN])}{more})")
    relatives = _relatives(tree, entry, here)
    if relatives:
        typer.echo(f"  rows of the same families stay, read them: {', '.join(relatives[:_SHOWN])}")
    typer.echo(f"  learnt by: {', '.join(here.learnt) or 'no model'}")
    measured = here.rows.keys() & {"labelled/test", "split/expert"}
    if here.learnt or measured:
        typer.echo(f"  verdict: {tree.path('gate', '--out')} stands on it")
    for _, release in releases:
        if release.touched.rows or release.touched.learnt or release.touched.unknown:
            typer.echo(f"  release {_said(release, revoked)}")
    fates = prediction.fates(tree, entry, here)
    typer.echo(f"  dvc repro runs: {prediction.listed(fates, 'runs')}")
    typer.echo(f"  may run: {prediction.listed(fates, 'may run')}")
    typer.echo(f"  stays: {prediction.listed(fates, 'stays')}")


def _said(release: Release, revoked: dict[str, str]) -> str:
    called = f"{(release.digest or 'not here')[:12]} ({', '.join(release.names)})"
    if release.touched.learnt:
        fate = "revoked" if release.digest in revoked else "not revoked, its manifest is not here"
        return f"{called}: {fate}, its {', '.join(release.touched.learnt)} learnt from it"
    if release.digest in revoked:
        return f"{called}: revoked, its data is not in this cache and nobody can tell"
    if release.touched.unknown:
        return f"{called}: not known, its data is not in this cache"
    return f"{called}: was measured on it, learnt nothing"


def _relatives(tree: Tree, entry: Entry, here: Touched) -> list[str]:
    """Return rows of the same families that stay; the rows themselves are not among them."""
    gone = {name for ids in here.rows.values() for name in ids}
    found: set[str] = set()
    for name in ("train", "validation", "test"):
        path = history.find(tree.present, tree.cache, tree.places[f"split/{name}"], tree.root)
        if path is not None:
            found.update(forgetting.relatives(path, entry, here.families))
    return sorted(found - gone)


def _revoke(tree: Tree, reasons: dict[str, str], runs: dict[str, Run]) -> None:
    """Put releases on the list, and a tag on the commit that made each."""
    path, tagged = revocation.beside(tree.release), _tags(tree)
    revocation.add(path, tagged)
    for digest in revocation.add(path, reasons):
        typer.echo(f"{path}: {digest[:12]} {reasons[digest]}")
    for digest in sorted(reasons.keys() - tagged.keys()):
        at = next(iter(runs[digest].commits if digest in runs else ()), "HEAD")
        message = ("tag", "-a", "-m", reasons[digest], f"{revocation.TAG}{digest}", at)
        history.git(tree.root, *_AUTHOR, *message)


def _sync(tree: Tree) -> list[str]:
    """Bring what tags tell into the list, and return what was new there."""
    return revocation.add(revocation.beside(tree.release), _tags(tree))


def _tags(tree: Tree) -> dict[str, str]:
    """Return sha256 of a manifest -> reason, as the tags of this clone tell.

    A tag of another form is named and left out: it must not stand in the way of the others.
    """
    form = "--format=%(refname:strip=3) %(contents:subject)"
    lines = history.git(tree.root, "for-each-ref", form, f"refs/tags/{revocation.TAG}")
    found = {}
    for name, _, reason in (line.partition(" ") for line in lines.split("\n") if line):
        if _DIGEST.fullmatch(name):
            found[name] = " ".join(reason.split()) or _NO_REASON
        else:
            typer.echo(
                f"{revocation.TAG}{name}: no sha256 of a manifest, so it revokes nothing. "
                f"Delete the tag, or name it {revocation.TAG}SHA256.",
                err=True,
            )
    return found


def _again(entry: Entry, target: str, source: str | None) -> str:
    """Return the target as it can be asked for later: never a name in clear."""
    return entry.key if source is not None else target
