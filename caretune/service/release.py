"""The release that is served: loaded only when every byte is what its verdict judged."""

from pathlib import Path
from typing import Any, NamedTuple

from caretune.errors import LineageError
from caretune.gate import verdict as verdicts
from caretune.lineage import digest, manifest, revocation
from caretune.lineage.revocation import Watch
from caretune.records import read_json
from caretune.safety.chain import Chain


class Release(NamedTuple):
    """A verified release. `notice` stands in every answer; None only at production level."""

    digest: str
    level: str
    result: str
    candidate: str
    base_kind: str
    chain: Chain
    notice: str | None


def refuse_revoked(folder: Path) -> Watch:
    """Refuse a release on the list of revoked ones, and return what goes on watching that list.

    Raises:
        LineageError: The release is revoked, with the reason; or the list cannot be read.
    """
    name = digest.sha256_file(folder / manifest.NAME)
    watch = Watch(revocation.beside(folder), name)
    if (reason := watch.reason()) is not None:
        raise LineageError(reason)
    return watch


def load(folder: Path, level: str) -> Release:
    """Verify a release folder and load its filters.

    Args:
        folder: The release, self-contained.
        level: Lowest verdict level that may be served.

    Raises:
        LineageError: A file is missing, altered or extra; names it.
        GateError: The verdict does not pass at `level`, or judged other bytes.
        FilterError: The filters do not do what they did when they were built.
    """
    recorded = manifest.verify(folder)
    verdict = verdicts.read(folder / manifest.VERDICT)
    verdicts.check(verdict, level)
    verdicts.check_subjects(verdict, {part: recorded.digests[part] for part in manifest.PARTS})
    return Release(
        digest=digest.sha256_file(folder / manifest.NAME),
        level=verdict.level,
        result=verdict.result,
        candidate=recorded.candidate,
        base_kind=read_json(folder / "base" / "base.json")["kind"],
        chain=Chain.load(folder / "filters"),
        notice=None
        if verdict.level == "production"
        else f"{verdict.level} release, not for people",
    )


def description(release: Release) -> dict[str, Any]:
    """Return what `GET /v1/release` says of a release that is served."""
    return {
        "ready": True,
        "release": release.digest,
        "level": release.level,
        "result": release.result,
        "candidate": release.candidate,
        "base": release.base_kind,
        "filter_digest": release.chain.digest,
        "notice": release.notice,
    }
