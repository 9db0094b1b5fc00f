"""Stand-ins for filters and model: what they say is written in the text they are given."""

import time

from caretune.model.generate import Reply
from caretune.safety.decision import (
    BiasFinding,
    CrisisFinding,
    Decision,
    ToxicityFinding,
)
from caretune.service.release import Release
from caretune.service.reply import Desk

RELEASE = "a" * 64
FILTERS = "b" * 64
NOTICE = "rehearsal release, not for people"


def decision(action: str, severity: str = "none", **fields: object) -> Decision:
    """A decision that says `action` and `severity`, and nothing else."""
    values = {
        "subject": "self",
        "language": "en",
        "crisis": CrisisFinding(severity=severity),
        "pii": [],
        "bias": BiasFinding(),
        "toxicity": ToxicityFinding(),
        "appropriateness": None,
        "gates": [],
        "reasons": [],
        "redacted": "",
        "digest": FILTERS,
    }
    return Decision(action=action, **(values | fields))


class StandInChain:
    """Reads the decision off the text: the first word of a user's message is the severity or action."""

    digest = FILTERS

    def __init__(self) -> None:
        self.contexts: list[str | None] = []

    def scan_turns(self, turns):
        """Judge by the first word of the last turn."""
        word = turns[-1].content.split()[0]
        if word == "boom":
            raise ValueError(turns[-1].content)
        if word in {"high", "imminent", "unscored", "moderate"}:
            return decision("allow", word, reasons=["crisis"])
        if word in {"escalate", "block"}:
            return decision(word, reasons=["toxicity"])
        return decision("allow")

    def scan_message(self, text, role="user", context=None):
        """Judge by a word of the text, and remember the context."""
        self.contexts.append(context)
        action = next((a for a in ("redact", "replace", "block") if a in text), "allow")
        reasons = {"redact": ["redaction"], "block": ["toxicity"]}.get(action, [])
        return decision(action, redacted=text.replace("Anna", "[NAME_1]"), reasons=reasons)

    def protocol_reply(self, found):
        """Name the severity."""
        return f"protocol for {found.crisis.severity}"

    def safe_reply(self, found):
        """Name the severity."""
        return f"safe at {found.crisis.severity}"


class StandInModel:
    """Says the last message back; remembers how often and with which limit it was asked."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.limits: list[int] = []
        self.takes_s = takes_s

    def __call__(self, messages, max_new_tokens):
        """Say the last message back."""
        self.limits.append(max_new_tokens)
        time.sleep(self.takes_s)
        return Reply(f"model: {messages[-1].content}", 5, "stop", 9)


def desk(model: StandInModel | None = None, notice: str | None = NOTICE) -> Desk:
    """A desk with stand-ins for everything that has to be loaded."""
    release = Release(RELEASE, "rehearsal", "pass", "moe_lora", "rehearsal", StandInChain(), notice)
    return Desk(release, model or StandInModel(), max_new_tokens=20)
