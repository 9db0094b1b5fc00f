"""`caretune scan`: the filters' decision on every line of a JSONL file or of standard input."""

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from caretune.records import Message, encode, problem
from caretune.safety.chain import Chain
from caretune.safety.decision import Decision

_SOME_LINES_BAD = 3


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line in: a message with its role and context, or the turns of a conversation."""

    text: str | None = None
    role: Literal["user", "assistant"] = "user"
    context: str | None = None
    turns: Annotated[list[Message | str], msgspec.Meta(min_length=1)] | None = None
    id: str | None = None


def scan(
    source: Annotated[
        Path | None,
        typer.Argument(
            help="JSONL file; standard input where none is given.", exists=True, dir_okay=False
        ),
    ] = None,
    filters: Annotated[
        Path, typer.Option(help="Folder of the filter bundle.", exists=True, file_okay=False)
    ] = Path("models/filters"),
) -> None:
    """Judge messages: one JSON object a line in, one decision a line out (docs/formats.md).

    Lines are {"text", "role", "context"?} or {"turns": [...]}, an "id" is handed through. Exit
    code 0 when every line was read, 3 when some were bad; those are numbered on stderr.
    """
    chain = Chain.load(filters)
    decoder, actions, bad = msgspec.json.Decoder(Line), Counter[str](), 0
    lines = sys.stdin.buffer if source is None else source.open("rb")
    with lines:
        for number, raw in enumerate(lines, start=1):
            if not raw.strip():
                continue
            try:
                decision = _decide(chain, decoder.decode(raw.removeprefix(b"\xef\xbb\xbf")))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                bad += 1
                wrong = problem(error) if isinstance(error, msgspec.ValidationError) else error
                typer.echo(f"line {number}: {wrong}", err=True)
                continue
            actions[decision.action] += 1
            sys.stdout.buffer.write(encode(decision) + b"\n")
    sys.stdout.flush()
    counts = ", ".join(f"{action} {count}" for action, count in sorted(actions.items()))
    typer.echo(f"{actions.total()} judged ({counts or 'none'}), {bad} bad lines", err=True)
    if bad:
        raise typer.Exit(_SOME_LINES_BAD)


def _decide(chain: Chain, line: Line) -> Decision:
    if (line.text is None) is (line.turns is None):
        raise msgspec.ValidationError('Expected either "text" or "turns" - at `$`')
    if line.turns is not None:
        turns = [Message("user", turn) if isinstance(turn, str) else turn for turn in line.turns]
        decision = chain.scan_turns(turns)
    else:
        decision = chain.scan_message(line.text or "", line.role, line.context)
    return decision if line.id is None else msgspec.structs.replace(decision, id=line.id)
