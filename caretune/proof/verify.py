"""Independent replay: every byte and every row from raw data to release, derived anew.

Nothing that DVC says is believed, and no figure of a stage: bytes are hashed, ids are taken from
the raw sources, the split is cut from the recorded families, rows and exits are counted, roots are
built from the edges. All faults are reported, not the first.
"""

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from caretune.errors import CaretuneError
from caretune.gate import verdict as verdicts
from caretune.lineage import digest, manifest, revocation
from caretune.lineage.manifest import Manifest
from caretune.proof import counts, damage, families, files, ids, suppressed, words
from caretune.proof.families import Search
from caretune.proof.project import Fault, Project

Check = Callable[[], Iterable[Fault]]


class Report(msgspec.Struct, frozen=True):
    """What was looked at, and everything that is wrong; no fault = the release is proved."""

    files: int
    bytes: int
    rows: int
    """Rows of raw data whose id was taken again."""
    cached: int
    """Objects of DVC's cache that were hashed."""
    faults: list[Fault]


class Watch:
    """Is told how the work goes on; what it is told changes nothing. Counts from two threads."""

    def bytes(self, count: int) -> None:
        """Bytes were hashed."""

    def rows(self, count: int) -> None:
        """Rows were derived."""


def verify(project: Project, watch: Watch, search: Search | None = None) -> Report:
    """Verify a release against everything that it was made from.

    Args:
        project: Where the files are.
        watch: Is told how the work goes on.
        search: Looks for near-duplicates again; None takes the recorded families as they are.

    Raises:
        LineageError: The manifest of the release is missing or no manifest, so that there is
            nothing to verify against.
    """
    recorded = manifest.parse(project.release)
    looked_at, cached = files.paths(project), files.cached(project.cache)
    rows = 0

    def seen(count: int) -> None:
        nonlocal rows
        rows += count
        watch.rows(count)

    with ThreadPoolExecutor(1) as beside:
        # The cache is hashed while rows are read; the other files first, for what depends on them.
        sha256 = files.hashes(looked_at, "sha256", watch.bytes)
        md5 = beside.submit(files.hashes, cached, "md5", watch.bytes)
        found = _told(lambda: files.faults(project, recorded, sha256), project.release)
        if manifest.is_altered(project.release, recorded):
            path = project.release / manifest.NAME
            found.append(Fault(str(path), "was altered after it was sealed"))
        for check, place in _checks(
            project, recorded, {fault.file for fault in found}, seen, search
        ):
            found += _told(check, place)
        found += files.cache_faults(md5.result())
    sizes = sum(path.stat().st_size for path in [*looked_at, *cached] if path.is_file())
    return Report(len(looked_at), sizes, rows, len(cached), sorted(set(found)))


def _checks(
    project: Project,
    recorded: Manifest,
    altered: AbstractSet[str],
    seen: Callable[[int], object],
    search: Search | None,
) -> Iterator[tuple[Check, Path]]:
    """Yield each check of the rows, and the place to name where it cannot go on."""
    places = project.pipeline
    known = families.recorded(project)
    yield lambda: ids.faults(project, altered, seen), project.ledger("ingest")
    yield lambda: words.children(project), places["augmented"]
    yield lambda: counts.faults(project, recorded), places["ledger"]
    yield lambda: families.faults(project, known), places["split"]
    yield lambda: damage.faults(project, altered), places["corpus"]
    yield lambda: _subjects(project, recorded), places["verdict"]
    if (listed := project.suppressed) is not None:
        yield lambda: suppressed.faults(places["corpus"], listed), listed
    yield lambda: _revoked(project), project.release
    if search is not None:
        yield lambda: families.searched(project, known, search), places["split"]


def _told(check: Check, place: Path) -> list[Fault]:
    """Return the faults of a check; where it cannot go on, that is the last of them."""
    found: list[Fault] = []
    try:
        found.extend(check())
    except CaretuneError as error:
        found.append(Fault(str(place), str(error)))
    return found


def _subjects(project: Project, recorded: Manifest) -> Iterator[Fault]:
    """Yield the parts that the verdict judged and that are not those of the release."""
    judged = verdicts.read(project.release / manifest.VERDICT)
    for name in (*manifest.PARTS, "split"):
        if judged.subjects.get(name) != recorded.digests.get(name):
            yield Fault(
                str(project.release / manifest.VERDICT), f"judged another {name} than was released"
            )


def _revoked(project: Project) -> Iterator[Fault]:
    """Yield the reason why the release is never to be served again."""
    path = project.release / manifest.NAME
    name = digest.sha256_file(path)
    for listed in project.revoked:
        if name in (reasons := revocation.read(listed)):
            yield Fault(str(path), f"is revoked in {listed}: {reasons[name]}")
