"""How a stage runs: one known error is one sentence and an exit code, and it dies with its parent.

What DVC runs is put down in the cost ledger, and an exit code that is no success is an alert. A stage
that somebody runs by hand tells its outcome on their screen, and writes nothing but its files.
"""

import errno
import inspect
import os
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, get_origin

import msgspec
import structlog
import typer

from caretune import process
from caretune.errors import CaretuneError, ParamsError
from caretune.lineage import cost, workspace
from caretune.lineage.cost import Entry
from caretune.lineage.meter import Meter
from caretune.lineage.workspace import Run

COSTS = workspace.STATE / "costs.jsonl"
"""The cost ledger, from the project's root. No dependency and no output: git and DVC pass it over."""
_PARAMS = Path("params.yaml")
_FULL = ("no space left on device", "os error 28", "file write failed", "unexpected pos")
_LOG = structlog.get_logger()


def run(main: Callable[..., Any]) -> None:
    """Run a stage's `main` as a command whose options are its arguments.

    Exit code 0 when its files are written, 2 for an error the user can mend, 75 where it stopped at
    a limit and goes on when it is run again. On Linux the stage is killed when `dvc` is, so that no
    second run ever works beside an orphan.
    """
    process.die_with_parent()
    # A stage reads what is on disk and nothing else; set before any model library is imported.
    os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    # Threads of torch that wait give their core back: 5 % slower on an idle machine, a third faster
    # beside one busy process (docs/log.md). GNU OpenMP reads it as it loads.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    configure_log()
    _name_arguments(main)
    with recorded(workspace.run()):
        guard(lambda: typer.run(main))


def guard(action: Callable[[], Any]) -> None:
    """Run an action; print a known error as one sentence on stderr and exit with its code."""
    try:
        action()
    except CaretuneError as error:
        _refuse(str(error), error.exit_code)
    except Exception as error:
        if getattr(error, "errno", None) in {errno.EACCES, errno.EROFS}:
            place = getattr(error, "filename", None) or "a folder"
            _refuse(f"{place}: may not be written. Change its rights and run again.", 2)
        if not _is_full_disk(error):
            raise
        place = getattr(error, "filename", None) or "the disk"
        _refuse(f"{place}: no space left. Free some and run again.", CaretuneError.exit_code)


@contextmanager
def recorded(run: Run | None) -> Iterator[None]:
    """Put down in the cost ledger what happens inside, and raise an alert where it fails.

    Neither ever fails a stage. A stage that is killed leaves its first line alone.

    Args:
        run: The run of DVC; None for one by hand, which is not put down.
    """
    if run is None:
        yield
        return
    entry = Entry(uuid.uuid4().hex, run.stage, run.commit, run.experiment, datetime.now(UTC))
    meter = Meter(gpus=int(os.environ.get("WORLD_SIZE", "1")))
    _put_down(run, entry)
    code = 1
    try:
        yield
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        raise
    finally:
        entry = msgspec.structs.replace(entry, usage=meter.stop(code))
        _put_down(run, entry)
        if entry.outcome == "failed":
            _alert(run, code)


def check_writable(*paths: Path) -> None:
    """Write where a stage will write at its end, so that a long one is not refused only there.

    Raises:
        OSError: A folder may not be written; `guard` says which.
    """
    for path in paths:
        whole = path.absolute()
        folder = next(place for place in (whole, *whole.parents) if place.is_dir())
        with tempfile.TemporaryFile(dir=folder):
            pass


def configure_log() -> None:
    """Log an event name plus fields to stderr: readable on a terminal, one line each elsewhere."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=24),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _name_arguments(main: Callable[..., Any]) -> None:
    """Make every keyword-only argument a `--name` option: dvc.yaml names each path it passes."""
    for name, parameter in inspect.signature(main).parameters.items():
        annotated = get_origin(parameter.annotation) is Annotated
        if parameter.default is parameter.empty and not annotated:
            main.__annotations__[name] = Annotated[parameter.annotation, typer.Option()]


def _is_full_disk(error: Exception) -> bool:
    """Tell it by number or words: shutil.Error and libraries in Rust carry no errno."""
    words = str(error).lower()
    return getattr(error, "errno", None) == errno.ENOSPC or any(said in words for said in _FULL)


def _refuse(sentence: str, code: int) -> None:
    if process.is_first():
        print(f"error: {sentence}", file=sys.stderr)
    raise SystemExit(code)


def _put_down(run: Run, entry: Entry) -> None:
    try:
        cost.append(run.root / COSTS, entry)
    except OSError as error:
        _LOG.warning("cost_not_recorded", stage=run.stage, reason=error.strerror or str(error))


def _alert(run: Run, code: int) -> None:
    """Tell that a stage failed; where params cannot be read, to log and webhook alone."""
    from caretune.monitoring import delivery, training_alerts
    from caretune.params import loader

    try:
        alerts = loader.load(_PARAMS).train.alerts
    except (ParamsError, OSError):
        told = delivery.begin(run.root, None, 0)
    else:
        told = delivery.begin(run.root, alerts.file, alerts.repeat_minutes)
    for finding in training_alerts.of_exit(code):
        told.tell(finding.alert(run.stage, None, datetime.now(UTC)))
