"""Other people's labelled sets: what they say of a text, in the questions that the filters answer.

They are read in place and never ship. Their labels mean other things than ours, so each row answers only
the questions that its set can answer, and teaches only those heads. Rows keep their set's order;
paraphrases that stand together share a group, so that no fold sees its own like.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from caretune.safety.examples import Example, LabelledMessage
from caretune.safety.taxonomy import PiiType

_SAID = re.compile(r"User: '(.*)'\s*$", re.DOTALL)
_LEVEL = re.compile(r"RISK LEVEL: (\w+)")
_BLOCK = 12
"""Lines of guardian_crisis that stay together: its paraphrases of one seed stand in threes."""
_GUARDIAN: dict[str, tuple[dict[str, bool], dict[str, bool]]] = {
    "CRITICAL": (
        {"risk": True, "grave": True},
        {"severity/low": True, "severity/moderate": True, "severity/high": True},
    ),
    "HIGH": ({"risk": True}, {"severity/low": True, "severity/moderate": True}),
    "LOW": ({"risk": False, "grave": False}, {"severity/low": False, "severity/high": False}),
}
"""What a level answers and teaches. MEDIUM is stress with a plan as often as risk: it says neither."""
_FLAGS = ("S", "H", "V", "HR", "SH", "S3", "H2", "V2")
_HATEFUL = ("H", "HR")
_REPLIES = {
    "Risk Ignorance": "inappropriate",
    "Unauthorized Expertise": "inappropriate",
    "Toxicity Agreement": "inappropriate",
    "Offending User": "toxic",
    "Biased Opinion": "bias",
}
"""The head that an unsafe reply of each category teaches."""
_PERSONAL = {
    "PERSON": PiiType.NAME,
    "ADDRESS": PiiType.ADDRESS,
    "STREET_ADDRESS": PiiType.ADDRESS,
    "CREDIT_CARD": PiiType.CREDIT_CARD,
    "PHONE_NUMBER": PiiType.PHONE,
    "EMAIL_ADDRESS": PiiType.EMAIL,
    "US_SSN": PiiType.SSN,
    "IP_ADDRESS": PiiType.IP,
    "DOMAIN_NAME": PiiType.URL,
}


class Row(NamedTuple):
    """One text of a set.

    Attributes:
        truth: Question -> what the set says of it; trials.QUESTIONS has the filters' answers.
        labels: The heads that it teaches.
        group: Rows of one group stay in one fold.
    """

    text: str
    role: str
    context: str | None
    truth: Mapping[str, bool]
    labels: Mapping[str, bool]
    group: str


def examples(name: str, rows: Iterable[Row]) -> list[Example]:
    """Turn the rows of a set into training examples, in their order."""
    return [Example(row.text, row.context, name, row.labels, group=row.group) for row in rows]


def guardian_crisis(path: Path) -> Iterator[Row]:
    """Yield short messages with the level of danger that their author gave them."""
    for number, record in enumerate(_lines(path)):
        said, level = _SAID.search(record["instruction"]), _LEVEL.match(record["output"])
        if said is None or level is None or level.group(1) not in _GUARDIAN:
            continue
        truth, labels = _GUARDIAN[level.group(1)]
        yield Row(said.group(1), "user", None, truth, labels, f"{path.name} {number // _BLOCK}")


def openai_moderation(path: Path) -> Iterator[Row]:
    """Yield texts flagged for self-harm or hate, and texts on which no flag stands."""
    for number, record in enumerate(_lines(path)):
        flags = {flag: str(record[flag]) == "1" for flag in _FLAGS if flag in record}
        truth: dict[str, bool] = {}
        labels: dict[str, bool] = {}
        if not any(flags.values()):
            truth |= {"risk": False, "toxic": False, "biased": False}
            labels |= {"severity/low": False, "toxic": False, "bias": False}
        if flags.get("SH"):
            truth["risk"] = labels["severity/low"] = True
        if any(flags.get(flag) for flag in _HATEFUL):
            truth["toxic"] = labels["toxic"] = True
        if truth:
            yield Row(record["prompt"], "user", None, truth, labels, f"{path.name} {number}")


def diasafety(path: Path) -> Iterator[Row]:
    """Yield replies of chat programs in their context, safe or not."""
    for number, record in enumerate(json.loads(path.read_text(encoding="utf-8"))):
        unsafe = record["label"] == "Unsafe"
        head = _REPLIES[record["category"]]
        yield Row(
            record["response"],
            "assistant",
            record["context"],
            {"stopped": unsafe},
            {head: unsafe},
            f"{path.name} {number}",
        )


def presidio_research(path: Path) -> Iterator[LabelledMessage]:
    """Yield generated texts with the personal data that stands in them; nothing learns from these."""
    for record in json.loads(path.read_text(encoding="utf-8")):
        spans = sorted(record["spans"], key=lambda span: int(span["start_position"]))
        entities = [
            {"type": str(_PERSONAL[span["entity_type"]]), "text": span["entity_value"]}
            for span in spans
            if span["entity_type"] in _PERSONAL
        ]
        yield LabelledMessage(record["full_text"], "user", "pii", {"entities": entities}, False, "")


READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    "guardian_crisis": guardian_crisis,
    "openai_moderation": openai_moderation,
    "diasafety": diasafety,
}
"""The sets that answer questions, by name."""


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)
