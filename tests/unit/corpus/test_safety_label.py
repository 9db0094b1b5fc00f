"""Filter labels beside gold, the stated sample of children, and the named exits."""

import re
from collections.abc import Sequence

import msgspec
import pytest

from caretune.corpus import safety_label
from caretune.lineage import ledger
from caretune.records import Client, Conversation, Crisis, Gold, Message
from caretune.safety.decision import (
    AppropriatenessFinding,
    BiasFinding,
    CrisisFinding,
    Decision,
    PiiSpan,
    ToxicityFinding,
)

RULES = {"drop_unsafe_replies": True, "max_toxic_reply_score": 0.9}


class Words:
    """Filters of five words: small, and really deciding."""

    digest = "d" * 64

    def scan_message(self, text: str, role: str = "user", context: str | None = None) -> Decision:
        """Decide on one message by the words in it."""
        severity = "high" if "jump" in text else "unscored" if "tschüss" in text else "none"
        echo = role == "assistant" and context is not None and text == context
        return Decision(
            action="allow",
            subject="self",
            language="en",
            crisis=CrisisFinding(
                types=["suicidal_ideation", "panic"] if severity == "high" else [],
                severity=severity,
                timeline="ongoing" if severity == "high" else "none",
            ),
            pii=[PiiSpan("NAME", m.start(), m.end(), 1.0) for m in re.finditer("Ann", text)],
            bias=BiasFinding(types=["age"] if "codger" in text else []),
            toxicity=ToxicityFinding("fool" in text, "insult", 0.95 if "fool!" in text else 0.8),
            appropriateness=AppropriatenessFinding(not echo, "generic_response" if echo else "none")
            if role == "assistant"
            else None,
            gates=[],
            reasons=[],
            redacted=text,
            digest=self.digest,
        )

    def scan_turns(self, turns: Sequence[Message]) -> Decision:
        """Decide on the turns as one text."""
        return self.scan_message(" ".join(turn.content for turn in turns))


def row(*turns: str, **fields: object) -> Conversation:
    """Make a train row whose turns alternate from the user."""
    roles = ("user", "assistant")
    settings = {"id": "0" * 32, "source": "s", "license": "l", "split": "train", **fields}
    messages = [Message(roles[place % 2], text) for place, text in enumerate(turns)]
    return Conversation(messages=messages, **settings)


def label(labelled: Conversation, **changes: object) -> safety_label.Labelled:
    """Label a row, with the changes given."""
    return safety_label.label(labelled, Words(), **{**RULES, **changes})


def test_labels_come_from_both_sides() -> None:
    """Crisis from the client's turns; bias, toxicity, violations and counted PII from all."""
    found = label(row("Ann and Ann, I could jump", "you codger", "fool", "fool")).row.filter
    assert found.crisis == Crisis(["panic", "suicidal_ideation"], "high", "ongoing", [])
    assert found.bias == ["age"]
    assert found.toxic
    assert found.inappropriate == ["generic_response"]
    assert found.pii == {"NAME": 2}
    assert found.digest == "d" * 64


def test_what_the_assistant_says_is_no_risk_of_the_client() -> None:
    """A direct question about risk does not raise the client's severity."""
    assert label(row("hello", "would you jump?")).row.filter.crisis.severity == "none"


def test_gold_stays_as_its_author_gave_it() -> None:
    """The filters never write into gold, nor into anything else of the row."""
    before = row("I could jump", "no", gold=Gold(Crisis()), client=Client("teen"))
    after = label(before).row
    assert msgspec.structs.replace(after, filter=None) == before


@pytest.mark.parametrize(
    ("split", "reply", "changes", "exit_name"),
    [
        pytest.param("train", "you fool!", {}, "unsafe_reply", id="toxic reply"),
        pytest.param("train", "you fool", {}, "", id="below the score"),
        pytest.param("train", "fine", {}, "", id="harmless"),
        pytest.param("test", "you fool!", {}, "", id="test rows are only labelled"),
        pytest.param("train", "fool!", {"drop_unsafe_replies": False}, "", id="switched off"),
    ],
)
def test_an_unsafe_reply_leaves_training_by_name(
    split: str, reply: str, changes: dict[str, object], exit_name: str
) -> None:
    """A toxic assistant turn at or above the score takes a train row out, and only that."""
    assert label(row("hello", reply, split=split), **changes).exit == exit_name


def test_a_toxic_client_stays_in_training() -> None:
    """Angry clients are whom the model is for: only assistant turns count."""
    assert label(row("you fool!", "I hear you")).exit == ""


def test_the_sample_is_ranked_by_hash() -> None:
    """floor(rate * n) children are taken in their order, whatever order they come in."""
    children = [row("a", "b", id=f"{place:032x}") for place in range(10)]
    taken, left = safety_label.sample(children, 0.25, 31)
    assert len(taken) == 2
    assert len(left) == 8
    assert safety_label.sample(children[::-1], 0.25, 31).taken == taken[::-1]
    assert safety_label.sample(children, 0.5, 31).taken != children[:5]


@pytest.mark.parametrize(("rate", "count"), [(0.0, 0), (1.0, 3)])
def test_the_ends_of_the_rate(rate: float, count: int) -> None:
    """0.0 takes none, 1.0 takes all."""
    children = [row("a", "b", id=f"{place:032x}") for place in range(3)]
    assert len(safety_label.sample(children, rate, 31).taken) == count


def entries() -> list[safety_label.Labelled]:
    """Label a parent, two children, an unscored row and an unsafe one."""
    return [
        label(row("I could jump", "no", id="p", gold=Gold(Crisis(severity="high")))),
        label(row("I could jump", "oh", id="c1", parent="p", gold=Gold(Crisis(severity="high")))),
        label(row("I am calm", "good", id="c2", parent="p", gold=Gold(Crisis(severity="high")))),
        label(row("tschüss", "bye", id="u", split="test", gold=Gold(Crisis(severity="low")))),
        label(row("hello", "fool!", id="x")),
    ]


def test_figures_compare_gold_and_filter() -> None:
    """The confusion table counts scored and unscored rows; the rate leaves unscored rows out."""
    found = safety_label.figures(entries(), [row("a", "b")])
    assert found["gold_filter"] == {"high": {"high": 2, "none": 1}, "low": {"unscored": 1}}
    assert (found["n"], found["unscored"], found["agreement_rate"]) == (3, 1, 0.6667)
    assert found["within_one_step_rate"] == 0.6667
    assert found["rows"] == {"test": 1, "train": 3}
    assert found["exits"] == {"not_sampled": 1, "unsafe_reply": 1}


def test_figures_compare_children_with_parents() -> None:
    """One of two children is milder in the filters' eyes than their parent."""
    found = safety_label.figures(entries(), [])
    assert found["children_compared"] == 2
    assert found["children_same_severity_rate"] == 0.5
    assert found["children_milder_rate"] == 0.5


def test_nothing_compared_is_null() -> None:
    """Without gold or children the rates are null, not zero."""
    found = safety_label.figures([label(row("a", "b"))], [])
    assert found["agreement_rate"] is None
    assert found["children_milder_rate"] is None


def test_every_row_stands_in_the_ledger() -> None:
    """Labelled rows stay themselves; the others leave by name."""
    edges = safety_label.edges(entries(), [row("a", "b", id="left")])
    assert {edge.source: edge.to or edge.exit for edge in edges} == {
        "p": "p",
        "c1": "c1",
        "c2": "c2",
        "u": "u",
        "x": "unsafe_reply",
        "left": "not_sampled",
    }
    ledger.check_conserved(edges, ["p", "c1", "c2", "u", "x", "left"], ["p", "c1", "c2", "u"])
