"""Stand-ins for filters and model: what they say is written in the text they are given."""

import re
import threading
import time
from types import SimpleNamespace

from caretune.model.domains import Domains
from caretune.model.generate import Reply
from caretune.safety.decision import (
    BiasFinding,
    CrisisFinding,
    Decision,
    PiiSpan,
    ToxicityFinding,
)
from caretune.safety.pii import Placeholders, Redaction
from caretune.service.journal import Journal
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

    def candidates(self, _plain):
        """Find nothing."""
        return SimpleNamespace(hits=[], places=[])

    def redact(self, text, ours=False):
        """Hide every Anna."""
        places = [place for place in range(len(text)) if text.startswith("Anna", place)]
        spans = [PiiSpan("NAME", place, place + 4, 1.0) for place in places]
        return Redaction(Placeholders().replace(text, spans), spans)

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
        return decision(action, redacted=self.redact(text).text, reasons=reasons)

    def protocol_reply(self, found, locale=None, today=None):
        """Name the severity, and the country where there is one."""
        return f"protocol for {found.crisis.severity}" + (f" in {locale}" if locale else "")

    def safe_reply(self, found, locale=None, today=None):
        """Name the severity, and the country where there is one."""
        return f"safe at {found.crisis.severity}" + (f" in {locale}" if locale else "")


class StandInModel:
    """Says the last message back; remembers what it was asked and what was heard of it.

    Args:
        takes_s: Seconds before it says anything.
        word_takes_s: Seconds before each word, where somebody listens.
    """

    def __init__(self, takes_s: float = 0.0, word_takes_s: float = 0.0) -> None:
        self.limits: list[int] = []
        self.experts: list[str | None] = []
        self.heard: list[str] = []
        self.ended = threading.Event()
        self.takes_s = takes_s
        self.word_takes_s = word_takes_s

    def __call__(self, messages, max_new_tokens, hear=None, expert=None, /):
        """Say the last message back, word by word where somebody listens."""
        self.limits.append(max_new_tokens)
        self.experts.append(expert)
        time.sleep(self.takes_s)
        text = f"model: {messages[-1].content}"
        if text.endswith("burst"):
            raise ValueError(text)
        for word in re.findall(r"\s*\S+", text) if hear else []:
            time.sleep(self.word_takes_s)
            if not hear(word):
                break
            self.heard.append(word)
        self.ended.set()
        return Reply(text, 5, "stop", 9)


def desk(
    model: StandInModel | None = None,
    notice: str | None = NOTICE,
    locale: str | None = None,
    journal: Journal | None = None,
    classifier: Domains | None = None,
) -> Desk:
    """A desk with stand-ins for everything that has to be loaded."""
    release = Release(RELEASE, "rehearsal", "pass", "moe_lora", "rehearsal", StandInChain(), notice)
    return Desk(release, model or StandInModel(), journal or Journal(None), 20, locale, classifier)
