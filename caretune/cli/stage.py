"""How a stage runs: one known error is one sentence and exit code 2, and it dies with its parent."""

import errno
import inspect
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any, get_origin

import structlog
import typer

from caretune import process
from caretune.errors import CaretuneError

_FULL = ("no space left on device", "os error 28")


def run(main: Callable[..., Any]) -> None:
    """Run a stage's `main` as a command whose options are its arguments.

    Exit code 0 when its files are written, 2 for an error the user can mend. On Linux the stage is
    killed when `dvc` is, so that no second run ever works beside an orphan.
    """
    process.die_with_parent()
    # A stage reads what is on disk and nothing else; set before any model library is imported.
    os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    # Threads of torch that wait give their core back: 5 % slower on an idle machine, a third faster
    # beside one busy process (docs/log.md). GNU OpenMP reads it as it loads.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    configure_log()
    _name_arguments(main)
    guard(lambda: typer.run(main))


def guard(action: Callable[[], Any]) -> None:
    """Run an action; print a known error as one sentence on stderr and exit with 2."""
    try:
        action()
    except CaretuneError as error:
        _refuse(str(error))
    except Exception as error:
        if not _is_full_disk(error):
            raise
        place = getattr(error, "filename", None) or "the disk"
        _refuse(f"{place}: no space left. Free some and run again.")


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


def _refuse(sentence: str) -> None:
    print(f"error: {sentence}", file=sys.stderr)
    raise SystemExit(2)
