"""How an alert of a training or a stage reaches somebody: log, file, webhook.

What is told again and again is not heard: the same rule about the same thing is told again only after
a while. A file remembers that over runs. Nothing here ever stops what is watched: an alert that cannot
be delivered is said once in the log, which always has it.
"""

import os
import threading
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Annotated
from urllib.error import HTTPError

import msgspec
import structlog

from caretune.lineage import journal
from caretune.records import encode

WEBHOOK = "CARETUNE_ALERT_WEBHOOK"
"""Environment variable with the address that alerts are posted to; addresses are often secrets."""
TIMEOUT_S = 5.0
"""Longest time that an alert waits for its webhook."""
_TAIL_BYTES = 1 << 18
_LOG = structlog.get_logger()


class Alert(msgspec.Struct, frozen=True):
    """One rule that fired: figures and names, no word that a person wrote."""

    rule: str
    subject: str
    """What it is about: an adapter in training, a stage."""
    value: float | None
    """None: no number, as a loss that is NaN."""
    threshold: float
    """The limit that was crossed."""
    unit: str
    step: int | None
    """Optimiser step; None outside a training."""
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    runbook: str
    """Page that says what to do."""
    detail: str = ""
    """Which part of the subject, such as an expert; each is told apart."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the same alert again."""
        return self.rule, self.subject, self.detail

    @property
    def sentence(self) -> str:
        """Say it in a line, as chat programs show it."""
        at = "" if self.step is None else f" at step {self.step}"
        detail = f", {self.detail}" if self.detail else ""
        value = "no number" if self.value is None else f"{self.value:g}"
        return (
            f"{self.rule}: {self.subject}{at}: {value} {self.unit}{detail} "
            f"(limit {self.threshold:g}). Read {self.runbook}"
        )


class Delivery:
    """Tells alerts, each once in a while.

    Args:
        repeat: The same rule about the same subject and detail is told again only after this.
        file: JSONL file that alerts are added to; None: none.
        webhook: Address that gets each alert as JSON, its fields and `text`; None: none.
    """

    def __init__(self, repeat: timedelta, file: Path | None, webhook: str | None) -> None:
        self._repeat, self._file, self._webhook = repeat, file, webhook
        self._told = {alert.key: alert.time for alert in _read(file)}
        self._failing: set[str] = set()

    def tell(self, alert: Alert) -> bool:
        """Tell an alert; return False where it was told a short while ago."""
        last = self._told.get(alert.key)
        if last is not None and alert.time - last < self._repeat:
            return False
        self._told[alert.key] = alert.time
        fields = msgspec.to_builtins(alert)
        _LOG.warning("alert", **{name: fields[name] for name in fields if name != "time"})
        if self._file is not None:
            self._note("file", _added(self._file, alert))
        if self._webhook is not None:
            self._note("webhook", _posted(self._webhook, alert))
        return True

    def _note(self, way: str, fault: str | None) -> None:
        """Say that a way fails when it begins to, and no more until it works again."""
        if fault is None:
            self._failing.discard(way)
        elif way not in self._failing:
            self._failing.add(way)
            _LOG.error("alert_not_delivered", to=way, reason=fault)


def begin(root: Path, file: str | None, repeat_minutes: float) -> Delivery:
    """Return the delivery that params ask for; the webhook comes from the environment.

    Args:
        root: The project, from which `file` is named: a copy of it in which a stage may run is removed.
        file: `train.alerts.file`; None: none.
        repeat_minutes: `train.alerts.repeat_minutes`.
    """
    path = root / file if file else None
    return Delivery(timedelta(minutes=repeat_minutes), path, os.environ.get(WEBHOOK) or None)


def _read(file: Path | None) -> Iterator[Alert]:
    """Yield the last alerts of a file; lines that are none are passed over."""
    if file is None or not file.is_file():
        return
    try:
        with file.open("rb") as lines:
            lines.seek(max(0, file.stat().st_size - _TAIL_BYTES))
            tail = lines.read()
    except OSError:
        return  # that it cannot be written will be said with the first alert
    for line in tail.splitlines():
        try:
            yield msgspec.json.decode(line, type=Alert)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue


def _added(file: Path, alert: Alert) -> str | None:
    """Append an alert; return what went wrong."""
    try:
        journal.append(file, alert)
    except OSError as error:
        return error.strerror or type(error).__name__
    return None


def _posted(address: str, alert: Alert) -> str | None:
    """Post an alert and wait TIMEOUT_S at the most; return what went wrong, never the address.

    In a thread: the timeout of a socket bounds neither the look-up of a name nor a slow trickle.
    """
    if not address.startswith(("http://", "https://")):
        return "the address is not http:// or https://"
    body = encode(msgspec.to_builtins(alert) | {"text": alert.sentence})
    outcome: list[str | None] = [f"no answer within {TIMEOUT_S:g} s"]

    def post() -> None:
        try:
            request = urllib.request.Request(  # noqa: S310 - the scheme is checked above
                address, body, {"Content-Type": "application/json"}, method="POST"
            )
            with urllib.request.urlopen(request, timeout=TIMEOUT_S):  # noqa: S310 - as above
                outcome.append(None)
        except TimeoutError:
            pass  # the outcome that stands there already
        except HTTPError as error:
            outcome.append(f"HTTP {error.code}")
        except (OSError, HTTPException, ValueError) as error:  # its words may hold the address
            outcome.append(type(error).__name__)

    thread = threading.Thread(target=post, name="webhook", daemon=True)
    thread.start()
    thread.join(TIMEOUT_S)
    return outcome[-1]
