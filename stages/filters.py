"""Stage `filters`: trains the filter bundle from the labelled messages and the pattern files."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import structlog

from caretune import records
from caretune.cli import stage
from caretune.lineage import digest as digests
from caretune.lineage import suppression
from caretune.lineage.suppression import Kept
from caretune.params import loader
from caretune.params.filters import DevelopmentFile, Filters
from caretune.records import Message
from caretune.safety import bundle, development, measure, training, trials
from caretune.safety.examples import (
    LabelledDialogue,
    LabelledMessage,
    calm_dialogues,
    examples,
    fit_replies,
)

T = TypeVar("T")

_DIALOGUES = "dialogues"
"""The source of params.ingest whose file is read here too: a row has one id at both doors."""
_TASKS = ("bias", "crisis", "pii", "therapeutic", "toxicity")


def main(
    *,
    messages: Path,
    patterns: Path,
    suppressed: Path,
    out: Path,
    metrics: Path,
    params: Path = Path("params.yaml"),
) -> None:
    """Train the filter bundle in OUT from the labelled MESSAGES and PATTERNS; write METRICS.

    What the list SUPPRESSED covers is not read: it neither teaches nor measures.
    """
    p = loader.load(params).filters
    kept = Kept(suppression.load(suppressed))
    rows = [
        row
        for task in _TASKS
        for path in _files(messages, task)
        for row in records.read(path, LabelledMessage)
        if kept(path.stem, [Message("assistant" if row.role == "assistant" else "user", row.text)])
    ]
    turns = [
        row
        for row in records.read(messages / "conversations_crisis.jsonl", trials.LabelledTurns)
        if kept("conversations_crisis", [Message("user", turn) for turn in row.turns])
    ]
    dialogues = [
        row
        for row in records.read(messages / f"{_DIALOGUES}.jsonl", LabelledDialogue)
        if kept(_DIALOGUES, row.messages)
    ]
    taught = [*examples(rows), *calm_dialogues(dialogues), *fit_replies(dialogues)]
    own, use = len(taught), p.development_use
    sets = {name: list(_rows(p, name, read)) for name, read in development.READERS.items()}
    if use == "teach":
        taught += [row for name, found in sets.items() for row in development.examples(name, found)]
    settings = training.Settings(**p.model_dump(exclude={"development", "development_use"}))
    trained = training.train(taught, patterns, settings)
    digest = bundle.write(out, trained.parts, trained.canaries)
    decisions = measure.decisions(rows, trained.parts.patterns, trained.fitted)
    figures = {
        "digest": digest,
        "protocol_reviewed": trained.parts.protocol.reviewed,
        "heads": {head: found._asdict() for head, found in trained.fitted.metrics.items()},
        "decisions": decisions,
        "pii": trials.personal_data([row for row in rows if row.task == "pii"], trained.chain),
        "names_held_out": trained.names._asdict(),
        "addresses_held_out": trained.addresses._asdict(),
        "sequences": trials.sequences(turns, trained.chain),
        "development_use": use,
        "development": (
            trials.held_out(sets, trained.parts.patterns, trained.fitted, own)
            if use == "teach"
            else trials.unseen(sets, trained.chain)
        ),
        "development_pii": trials.personal_data(
            list(_rows(p, "presidio_research", development.presidio_research)), trained.chain
        ),
    }
    records.write_json(metrics, figures)
    any_risk = decisions["crisis"]["any"]
    structlog.get_logger().info(
        "filters trained",
        digest=digest[:12],
        messages=len(rows),
        suppressed=kept.left_out,
        crisis_recall=any_risk.recall.value,
        crisis_false_alarm_rate=any_risk.false_alarm_rate.value,
    )


def _rows(p: Filters, name: str, read: Callable[[Path], Iterator[T]]) -> Iterator[T]:
    """Yield the rows of one of other people's sets; none where params want none."""
    if p.development_use == "none":
        return
    files: Mapping[str, list[DevelopmentFile]] = dict(p.development.items())
    for number, file in enumerate(files.get(name, [])):
        field = f"params.filters.development.{name}[{number}]"
        remedy = "Put it there, or set params.filters.development_use to none."
        digests.check_source(Path(file.path), file.sha256, field, remedy)
        yield from read(Path(file.path))


def _files(folder: Path, task: str) -> list[Path]:
    """Return a task's sets in the order of their names; the first must be there."""
    first = folder / f"messages_{task}.jsonl"
    return [first, *sorted(folder.glob(f"messages_{task}_*.jsonl"))]


if __name__ == "__main__":
    stage.run(main)
