"""Weights & Biases as a second place for a training's figures: figures and params, never a text."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import structlog

from caretune.errors import CaretuneError
from caretune.training.callbacks import History

PROJECT = "caretune"
_LOG = structlog.get_logger()


@contextmanager
def opened(
    kind: Literal["none", "wandb"], name: str, group: str, params: Mapping[str, Any], folder: Path
) -> Iterator[tuple[History, ...]]:
    """Give the callbacks that show a tracker the rows which dvclive gets; none for `none`.

    WANDB_MODE decides where they go: `offline` writes files alone, which `wandb sync` sends later.
    Every run of a training that was interrupted is a run of its own there; the group joins them. Of
    several processes the first alone has a tracker.

    Args:
        kind: `params.train.tracker`.
        name: What is trained, such as the adapter.
        group: What the runs of one training have in common.
        params: Parameters that shaped it; plain values, no path and no text of a person.
        folder: Where its files lie, in `wandb/`; WANDB_DIR goes before it.

    Raises:
        CaretuneError: The package is not installed, or did not start.
    """
    if kind == "none" or os.environ.get("RANK", "0") != "0":
        yield ()
        return
    run = _begun(name, group, params, os.environ.get("WANDB_DIR") or str(folder))
    shown: Any = _Shown(run)
    try:
        yield (History(shown),)
    finally:
        shown.finish()


def _begun(name: str, group: str, params: Mapping[str, Any], folder: str) -> Any:
    try:
        import wandb as library
    except ImportError:
        raise CaretuneError(
            "params.train.tracker is wandb, and the package is not installed. Run "
            "`pip install caretune[tracking]`, or set it to none."
        ) from None
    # No command line, host, user, program or output leaves this machine.
    settings = library.Settings(
        console="off",
        disable_code=True,
        disable_git=True,
        silent=True,
        x_disable_machine_info=True,
        x_disable_meta=True,
    )
    try:
        return library.init(
            project=PROJECT,
            name=name,
            group=group,
            config=dict(params),
            dir=folder,
            settings=settings,
        )
    except (library.errors.Error, OSError) as error:
        raise CaretuneError(
            f"Weights & Biases did not start ({type(error).__name__}). Set WANDB_MODE=offline, or "
            "WANDB_API_KEY of an account, or params.train.tracker to none."
        ) from None


class _Shown:
    """Stands where dvclive's Live stands, with the three things that History asks of it."""

    def __init__(self, run: Any) -> None:
        self.step = 0
        self._run = run
        self._broken = False

    def log_metric(self, name: str, value: float) -> None:
        """Send a figure; a tracker that breaks is said once, and the training goes on."""
        self._tell(lambda: self._run.log({name: value}, step=self.step))

    def finish(self) -> None:
        """End the run; the training has ended well, whatever becomes of its tracker."""
        self._tell(self._run.finish)

    def _tell(self, say: Callable[[], Any]) -> None:
        if self._broken:
            return
        try:
            say()
        except Exception as error:  # noqa: BLE001 - a watcher never ends what it watches
            self._broken = True
            _LOG.error("tracker_stopped", reason=type(error).__name__)

    def make_summary(self) -> None:
        """Do nothing: it keeps the last value of a figure itself."""
