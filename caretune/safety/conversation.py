"""The decision over a conversation: the worst of every part, and where risk first and worst was."""

from collections.abc import Sequence

import msgspec

from caretune.errors import FilterError
from caretune.records import Message
from caretune.safety.decision import STEPS, Decision, GateFinding, PiiSpan, Turns
from caretune.safety.pii import Placeholders
from caretune.safety.taxonomy import Action, BiasLevel, GateLevel, severity_rank

_ACTIONS, _LEVELS, _GATE_LEVELS = list(Action), list(BiasLevel), list(GateLevel)


def merge(turns: Sequence[Message], decisions: Sequence[Decision]) -> Decision:
    """Merge one decision a turn; spans and `redacted` refer to the turns joined by line feeds.

    Raises:
        FilterError: There are no turns.
    """
    if not decisions:
        raise FilterError("a conversation without turns cannot be scanned. Give at least one turn.")
    ranks = [severity_rank(decision.crisis.severity) for decision in decisions]
    risky = [number for number, rank in enumerate(ranks) if rank]
    worst = ranks.index(max(ranks))
    spans, redacted = _personal(turns, decisions)
    replies = [d.appropriateness for d in decisions if d.appropriateness is not None]
    return msgspec.structs.replace(
        decisions[worst],
        action=max((d.action for d in decisions), key=lambda a: _ACTIONS.index(Action(a))),
        pii=spans,
        bias=max((d.bias for d in decisions), key=lambda b: _LEVELS.index(BiasLevel(b.level))),
        toxicity=max((d.toxicity for d in decisions), key=lambda t: (t.toxic, t.score)),
        appropriateness=max(replies, key=lambda r: (not r.appropriate, r.score), default=None),
        gates=[_gravest(found) for found in zip(*(d.gates for d in decisions), strict=True)],
        reasons=[step for step in STEPS if any(step in d.reasons for d in decisions)],
        redacted=redacted,
        turn=Turns(risky[0] if risky else None, worst if risky else None),
    )


def _personal(turns: Sequence[Message], decisions: Sequence[Decision]) -> tuple[list[PiiSpan], str]:
    placeholders, spans, redacted, offset = Placeholders(), [], [], 0
    for turn, decision in zip(turns, decisions, strict=True):
        for span in decision.pii:
            moved = PiiSpan(span.type, span.start + offset, span.end + offset, span.score)
            spans.append(moved)
        redacted.append(placeholders.replace(turn.content, decision.pii))
        offset += len(turn.content) + 1
    return spans, "\n".join(redacted)


def _gravest(found: Sequence[GateFinding]) -> GateFinding:
    return max(found, key=lambda gate: _GATE_LEVELS.index(GateLevel(gate.level)))
