"""Filter labels beside gold, the stated sample of children, and the named exits."""

import re
from collections.abc import Sequence

import msgspec
import pytest

from caretune.corpus import safety_label
from caretune.records import Client, Conversation, Crisis, Gold, Message, Operation
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
    """floor(rate * n) children are taken, whatever order they come in."""
    children = [row("a", "b", id=f"{place:032x}") for place in range(10)]
    taken = safety_label.sample(children, 0.25, 31)
    assert len(taken) == 2
    assert safety_label.sample(children[::-1], 0.25, 31) == taken
    assert safety_label.sample(children, 0.5, 31) != frozenset(child.id for child in children[:5])


def test_twins_enter_together_or_not_at_all() -> None:
    """Of twenty pairs a third is taken, never one half of a pair."""
    twins = [
        row("a", "b", id=f"{place:032x}", operation=Operation("s", 1, 1, [], f"pair {place // 2}"))
        for place in range(40)
    ]
    for rate in (0.3, 0.325, 0.35):
        taken = safety_label.sample(twins, rate, 31)
        assert 12 <= len(taken) <= 14
        assert all(
            (one.id in taken) == (two.id in taken)
            for one, two in zip(twins[::2], twins[1::2], strict=True)
        )


@pytest.mark.parametrize(("rate", "count"), [(0.0, 0), (1.0, 3)])
def test_the_ends_of_the_rate(rate: float, count: int) -> None:
    """0.0 takes none, 1.0 takes all."""
    children = [row("a", "b", id=f"{place:032x}") for place in range(3)]
    assert len(safety_label.sample(children, rate, 31)) == count


def entries() -> list[safety_label.Labelled]:
    """Label a parent, two children, an unscored row and an unsafe one."""
    return [
        label(row("I could jump", "no", id="p", gold=Gold(Crisis(severity="high")))),
        label(row("I could jump", "oh", id="c1", parent="p", gold=Gold(Crisis(severity="high")))),
        label(row("I am calm", "good", id="c2", parent="p", gold=Gold(Crisis(severity="high")))),
        label(row("tschüss", "bye", id="u", split="test", gold=Gold(Crisis(severity="low")))),
        label(row("hello", "fool!", id="x")),
    ]


def figures(labelled: Sequence[safety_label.Labelled]) -> dict[str, object]:
    """Count each row in a tally of its own and merge them, last first."""
    tally = safety_label.Tally()
    for entry in reversed(labelled):
        own = safety_label.Tally()
        if not entry.exit:
            own.add(entry.row)
        tally.merge(own)
    return safety_label.figures(tally)


def test_figures_compare_gold_and_filter() -> None:
    """The confusion table counts scored and unscored rows; the rate leaves unscored rows out."""
    found = figures(entries())
    assert found["gold_filter"] == {"high": {"high": 2, "none": 1}, "low": {"unscored": 1}}
    assert (found["n"], found["unscored"], found["agreement_rate"]) == (3, 1, 0.6667)
    assert found["within_one_step_rate"] == 0.6667
    assert found["rows"] == {"test": 1, "train": 3}
    assert found["filter_severity"] == {"high": 2, "none": 1, "unscored": 1}


def test_figures_compare_children_with_parents() -> None:
    """One of two children is milder in the filters' eyes than their parent."""
    found = figures(entries())
    assert found["children_compared"] == 2
    assert found["children_same_severity_rate"] == 0.5
    assert found["children_milder_rate"] == 0.5


def test_nothing_compared_is_null() -> None:
    """Without gold or children the rates are null, not zero."""
    found = figures([label(row("a", "b"))])
    assert found["agreement_rate"] is None
    assert found["children_milder_rate"] is None


def test_a_row_that_no_filter_saw_is_unscored() -> None:
    """Without labels a row counts as unscored, and nothing of its words is counted."""
    tally = safety_label.Tally()
    tally.add(row("a", "b"))
    assert tally.of("filter_severity") == {"unscored": 1}
    assert safety_label.figures(tally)["toxic"] == 0


def test_a_row_stays_itself_or_leaves_by_name() -> None:
    """The ledger's line of a labelled row leads to itself, that of another to its exit."""
    stays, leaves = safety_label.edge("a", ""), safety_label.edge("b", "unsafe_reply")
    assert (stays.to, stays.exit, leaves.to, leaves.exit) == ("a", "", "", "unsafe_reply")
