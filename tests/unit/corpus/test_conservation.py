"""Crisis rows in = out + named exits, and what changes words makes nobody milder."""

from collections.abc import Sequence

import msgspec
import pytest

from caretune.corpus import conservation
from caretune.corpus.conservation import Graded, Scanned
from caretune.errors import LineageError
from caretune.lineage.ledger import Edge
from caretune.records import Conversation, Crisis, Gold, Message
from caretune.safety.chain import Chain
from caretune.safety.taxonomy import SEVERITIES

BEFORE = [
    Graded("line 1", "high"),
    Graded("line 2", "high"),
    Graded("line 3", "low"),
    Graded("line 4", "none"),
    Graded("line 5", None),
]
EDGES = [
    Edge("ingest", "line 1", to="a"),
    Edge("ingest", "line 2", exit="duplicate"),
    Edge("ingest", "line 3", exit="too_short"),
    Edge("ingest", "line 4", to="d"),
]
AFTER = [Graded("a", "high"), Graded("d", "none")]


def test_in_is_out_plus_named_exits() -> None:
    """Three crisis rows came, one went on, two left by name; calm and unlabelled rows do not count."""
    assert conservation.account("ingest", BEFORE, EDGES, AFTER) == {
        "in": 3,
        "out": 1,
        "exits": {"duplicate": 1, "too_short": 1},
        "severities": {
            "high": {"in": 2, "out": 1, "exits": {"duplicate": 1}},
            "low": {"in": 1, "out": 0, "exits": {"too_short": 1}},
        },
    }


def test_no_crisis_row_is_no_fault() -> None:
    """Nothing in, nothing out."""
    assert conservation.account("split", [], [], []) == {
        "in": 0,
        "out": 0,
        "exits": {},
        "severities": {},
    }


def test_rows_may_come_from_generators_in_any_order() -> None:
    """Nothing depends on order, and each argument is gone through once."""
    found = conservation.account("ingest", reversed(BEFORE), reversed(EDGES), reversed(AFTER))
    assert found == conservation.account("ingest", BEFORE, EDGES, AFTER)


def test_a_parent_counts_once_whatever_its_children() -> None:
    """Two children, and a child that was lost: the parent is out; without a child it left."""
    edges = [
        Edge("augment", "a", to="x"),
        Edge("augment", "a", to="y"),
        Edge("augment", "a", exit="severity_lost"),
        Edge("augment", "b", exit="severity_lost"),
        Edge("augment", "b", exit="near_parent"),
    ]
    before = [Graded("a", "moderate"), Graded("b", "moderate")]
    after = [Graded("x", "moderate"), Graded("y", "imminent")]
    found = conservation.account("augment", before, edges, after)
    assert (found["in"], found["out"], found["exits"]) == (2, 1, {"near_parent": 1})


@pytest.mark.parametrize(
    ("edges", "after", "said"),
    [
        pytest.param(EDGES[1:], AFTER, "row line 1 of severity high is gone", id="no edge"),
        pytest.param(EDGES, AFTER[1:], "row line 1 of severity high is gone", id="not written"),
        pytest.param(EDGES, [Graded("a", "low")], "row line 1 .* became milder", id="milder"),
        pytest.param(EDGES, [Graded("a", None)], "row line 1 .* became milder", id="label lost"),
    ],
)
def test_a_lost_crisis_row_is_named(edges: list[Edge], after: list[Graded], said: str) -> None:
    """The guard can fail: stage, count and the first row stand in the error."""
    with pytest.raises(LineageError, match=f"ingest: 1 crisis rows are not conserved: {said}"):
        conservation.account("ingest", BEFORE, edges, after)


@pytest.mark.parametrize("before", [*SEVERITIES, "unscored"])
@pytest.mark.parametrize("after", [*SEVERITIES, "unscored"])
def test_milder_is_lower_or_risk_unread(before: str, after: str) -> None:
    """Lower on the ladder is milder, and so is risk that is not read any more; unread before is not."""
    order = ["unscored", *SEVERITIES]
    expected = before != "unscored" and order.index(
        max(after, "none", key=order.index)
    ) < order.index(before)
    assert conservation.milder(Scanned(before), Scanned(after)) is expected


def test_the_scanner_says_what_the_filters_say(chain: Chain) -> None:
    """Severity and types of a whole sequence of turns."""
    turns = [Message("user", "I am going to kill myself tonight.")]
    crisis = chain.scan_turns(turns).crisis
    found = conservation.scanner(chain)(turns)
    assert found == Scanned(crisis.severity, frozenset(crisis.types))
    assert found.severity == "imminent"


def row(*texts: str, severity: str = "high") -> Conversation:
    """Make a row of turns of both sides."""
    turns = [Message(("user", "assistant")[n % 2], text) for n, text in enumerate(texts)]
    return Conversation("0" * 32, "s", "l", turns, gold=Gold(Crisis([], severity)))


PARENT = row("Hi. I want to die.", "Do you think of suicide?")


@pytest.mark.parametrize(
    ("child", "lost"),
    [
        pytest.param(PARENT, "", id="nothing"),
        pytest.param(row("I want to die.", "Do you think of suicide? Hm."), "", id="moved"),
        pytest.param(row("Hi.", "Do you think of suicide?"), "changed 1", id="the client's"),
        pytest.param(row("I want to die.", "Hm."), "changed 1", id="the assistant's"),
        pytest.param(row("Hi.", "Hm."), "changed 2", id="both"),
        pytest.param(row("Do you think of suicide?", "I want to die."), "changed 2", id="roles"),
        pytest.param(row(severity="moderate"), "has severity moderate", id="severity"),
    ],
)
def test_losses_name_what_a_child_lost(child: Conversation, lost: str) -> None:
    """Severity first, then sentences that carry risk, of both sides, each in its own turns."""
    found = conservation.losses(PARENT, child, retold=True)
    assert found.startswith(lost)
    assert bool(found) == bool(lost)


def test_another_story_keeps_the_severity_only() -> None:
    """A scenario of its own need not hold the parent's words."""
    assert conservation.losses(PARENT, row("Hi.", "Hm."), retold=False) == ""
    assert conservation.losses(PARENT, row(severity="low"), retold=False)


def redacted(before: str, after: str, *scans: str) -> str:
    """Judge a redaction, with what the filters say before and after."""
    said = iter(scans)

    def scan(turns: Sequence[Message]) -> Scanned:
        return Scanned(next(said))

    turns = [[Message("user", text)] for text in (before, after)]
    return conservation.redaction_loss(*turns, scan if scans else None)


@pytest.mark.parametrize(
    ("before", "after", "scans", "lost"),
    [
        pytest.param("I'm Ann.", "I'm Ann.", (), "", id="nothing redacted"),
        pytest.param("I'm Ann, I want to die.", "I'm [NAME], I want to die.", (), "", id="a name"),
        pytest.param(
            "I want to die.", "I want to [NAME].", (), "crisis_wording", id="a crisis word"
        ),
        pytest.param(
            "Call 988 now.", "Call [PHONE] now.", (), "crisis_wording", id="a crisis line"
        ),
        pytest.param("Call 988 555 1234.", "Call [PHONE].", (), "", id="a private number"),
        pytest.param("Ann, I die.", "[NAME], I die.", ("high", "low"), "severity", id="milder"),
        pytest.param("Ann, I die.", "[NAME], I die.", ("high", "high"), "", id="as grave"),
        pytest.param(
            "Ann, I die.", "[NAME], I die.", ("high", "unscored"), "severity", id="unscored"
        ),
    ],
)
def test_redaction_loss(before: str, after: str, scans: tuple[str, ...], lost: str) -> None:
    """Placeholders for personal data take no word of the risk and no severity."""
    assert redacted(before, after, *scans) == lost


def test_redacted_replies_are_not_scanned() -> None:
    """The filters judge the client; where only the assistant's turn changed there is no scan."""
    before = [Message("user", "I die."), Message("assistant", "Hello Ann.")]
    after = [before[0], msgspec.structs.replace(before[1], content="Hello [NAME].")]

    def scan(_: Sequence[Message]) -> Scanned:
        raise AssertionError

    assert conservation.redaction_loss(before, after, scan) == ""
