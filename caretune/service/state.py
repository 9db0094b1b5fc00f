"""What the service stands on: a desk with a verified release, or the reason why there is none."""

from pathlib import Path
from typing import NamedTuple

import structlog

from caretune import records
from caretune.errors import CaretuneError
from caretune.lineage.revocation import Watch
from caretune.model import domains
from caretune.model.domains import Domains
from caretune.params import loader
from caretune.service import engine, release
from caretune.service.journal import Journal
from caretune.service.reply import Desk

log = structlog.get_logger()


class State(NamedTuple):
    """`desk` is None exactly where `reason` is a sentence; then nothing is answered.

    `watch` tells of a revocation while the release is served; then nothing is answered either.
    """

    desk: Desk | None
    reason: str | None = None
    max_turns: int = 0
    max_body_bytes: int = 0
    timeout_s: float = 30.0
    watch: Watch | None = None

    def refusal(self) -> str | None:
        """Return why nothing is answered, or None; the list of revoked releases is asked each time."""
        return self.reason if self.watch is None else self.watch.reason()

    async def ready(self) -> bool:
        """Tell whether there is a release, it is not revoked, and its filters judge."""
        return self.desk is not None and self.refusal() is None and await self.desk.works()


def load(root: Path) -> State:
    """Read params.yaml in `root` and load the release it names; never raises.

    Paths stay relative where `root` is, so that no machine path is told to clients.
    """
    try:
        p = loader.load(root / "params.yaml").service
        folder = root / p.release
        watch = release.refuse_revoked(folder)
        held = release.load(folder, p.level)
        generate = engine.load(folder, p.threads)
        journal = Journal(None if p.events is None else root / p.events)
        classifier = _classifier(folder / "adapter") if p.routing == "domain" else None
        desk = Desk(held, generate, journal, p.max_new_tokens, p.locale, classifier)
        journal.begin()
    except CaretuneError as error:
        return _not_ready(str(error))
    except Exception as error:
        log.exception("fault")
        return _not_ready(f"a fault of the service while loading ({type(error).__name__}), logged")
    log.info("release_loaded", release=held.digest, candidate=held.candidate, notice=held.notice)
    return State(desk, None, p.max_turns, p.max_body_bytes, p.timeout_s, watch)


def _classifier(adapter: Path) -> Domains:
    """Read the classifier beside an adapter; each of its experts must be one of the adapter's."""
    found = domains.read(adapter)
    names = records.read_json(adapter / "adapter_config.json").get("expert_names") or []
    domains.check(adapter, found.header, names)
    return found


def _not_ready(reason: str) -> State:
    log.error("release_refused", reason=reason)
    return State(desk=None, reason=reason)
