"""Which rows leave at the door, by which exit, and which never do."""

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from caretune import records
from caretune.corpus.quality import assessment
from caretune.corpus.quality.assessment import EXITS, SCORES, Thresholds, assess
from caretune.corpus.sources import concepts, dialogues
from caretune.params.ingest import Quality
from caretune.records import Conversation, Message
from caretune.safety.taxonomy import SEVERITIES, Severity
from tests.unit.corpus.quality.planted import (
    BAD,
    CRISIS,
    GOOD,
    THRESHOLDS,
    UNSEEN,
    messages,
)

ROOT = Path(__file__).parents[4]
QUICK_S = 2.0
"""Seconds that nothing here comes near, and that quadratic work would pass by far."""
TALK = (
    "My mother moved in with us and I feel guilty for counting the days until she leaves.",
    "Guilt and counting days can live side by side. What is hardest while your mother is there?",
)
OFF = Severity.NONE


def found(turns, **given):
    """Assess turns that alternate."""
    return assess(messages(turns), thresholds=THRESHOLDS, **given)


def test_every_threshold_is_a_parameter():
    """params.ingest.quality has the fields of the thresholds, so that one makes the other."""
    assert tuple(Quality.model_fields) == Thresholds._fields


def scanner(severity):
    """Stand in for a filter chain that sees one severity in everything, and counts its calls."""
    calls = []

    def scan_turns(turns):
        calls.append([turn.role for turn in turns])
        return SimpleNamespace(crisis=SimpleNamespace(severity=severity))

    return SimpleNamespace(scan_turns=scan_turns, calls=calls)


@pytest.mark.parametrize(
    ("exit_", "turns"),
    [
        pytest.param(name, row, id=f"{name}-{n}")
        for name, rows in BAD.items()
        for n, row in enumerate(rows)
    ],
)
def test_a_planted_row_leaves_by_its_exit(exit_, turns):
    """Each of the planted rows leaves, and for the reason it was written for."""
    result = found(turns)
    assert (result.exit, bool(result.detail), result.spared) == (exit_, True, "")


def test_there_are_planted_rows_of_every_exit():
    """77 rows or more, of every exit but too_long and poor_transcript, which are made below."""
    assert sum(map(len, BAD.values())) >= 70
    assert set(BAD) == set(EXITS) - {"too_long", "poor_transcript"}


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ({"transcription_quality": 0.4}, "poor_transcript"),
        ({"transcription_quality": 0.6}, ""),
        ({"naturalness": 0.4}, "unnatural"),
    ],
)
def test_what_a_source_told_goes_before_our_measure(told, left):
    """A transcript's own scores decide; they stand among the row's scores."""
    turns = GOOD["curly"]
    found = assess(messages(turns), thresholds=THRESHOLDS, told=told)
    assert found.exit == left
    assert found.scores.items() >= told.items()


def test_most_unseen_rows_leave_too():
    """Of 20 rows written after the lists were settled 15 left at first sight, 18 do now."""
    rows = [(name, turns) for name, listed in UNSEEN.items() for turns in listed]
    assert len(rows) == 20
    assert sum(found(turns).exit == name for name, turns in rows) == 18


@pytest.mark.parametrize("name", [name for name in GOOD if name != "no word of feeling"])
def test_a_sound_row_that_looks_odd_stays(name):
    """Slang, capitals, typographic marks, a foreign phrase, a definition."""
    assert found(GOOD[name])[1:] == ("", "", "")


def test_knowledge_need_not_be_therapeutic():
    """A row of the knowledge domain stays without a word of feeling; elsewhere it leaves."""
    turns = GOOD["no word of feeling"]
    assert found(turns, domain="psychology_knowledge").exit == ""
    assert found(turns, domain="general").exit == "not_therapeutic"


def test_nearly_all_authored_rows_stay(authored):
    """Of 935 authored rows at most a handful leave, and none of them is a crisis row."""
    left = []
    for row in authored:
        severity = records.crisis_severity(row)
        result = assess(row.messages, thresholds=THRESHOLDS, domain=row.domain, severity=severity)
        if result.exit:
            left.append(severity)
    assert len(authored) == 935
    assert len(left) <= 6
    assert not set(left) - {None, OFF}


@pytest.mark.parametrize("name", sorted(CRISIS))
def test_a_crisis_row_stays_and_says_so(name):
    """Short, generic, repetitive, off the subject, incoherent, broken: its wording keeps it."""
    result = found(CRISIS[name])
    assert result.exit == ""
    assert result.spared in EXITS
    assert result.detail.startswith(f"kept for its crisis wording: {result.spared}, ")


@pytest.mark.parametrize("severity", SEVERITIES[1:])
@pytest.mark.parametrize(
    "exit_", sorted(set(BAD) - {"other_language", "template_reply", "unnatural"})
)
def test_gold_keeps_a_row_without_any_wording(exit_, severity):
    """Every planted row stays where its authors put a severity above none."""
    for turns in BAD[exit_]:
        result = found(turns, severity=severity)
        assert (result.exit, result.spared) == ("", exit_)
        assert result.detail.startswith("kept for its crisis label: ")


def test_the_crisis_domain_keeps_a_row():
    """A source that files a row under crises is believed."""
    result = found(BAD["generic_reply"][0], domain="crisis_safety")
    assert result.detail.startswith("kept for its crisis domain: generic_reply, ")


@pytest.mark.parametrize("severity", SEVERITIES)
def test_the_filters_keep_a_row_at_risk(severity):
    """They are asked of the client's turns, and only of a row that would leave."""
    filters = scanner(severity)
    result = found(BAD["generic_reply"][0], filters=filters)
    assert (result.spared == "generic_reply") == (severity != OFF)
    assert (result.exit == "generic_reply") == (severity == OFF)
    assert filters.calls == [["user"]]


def test_the_filters_are_not_asked_of_a_row_that_stays():
    """Their time is spent on rows that would leave alone."""
    filters = scanner("high")
    assert found(TALK, filters=filters).exit == ""
    assert filters.calls == []


def test_what_the_filters_cannot_read_keeps_nothing():
    """Unscored is no risk here: the row cannot be read at all."""
    assert found(BAD["too_short"][0], filters=scanner(Severity.UNSCORED)).exit == "too_short"


@pytest.mark.parametrize("exit_", ["other_language", "template_reply"])
def test_a_crisis_row_that_cannot_be_used_leaves(exit_):
    """Another language and a reply that nobody wrote leave, whatever gold says."""
    for turns in BAD[exit_]:
        result = found(turns, severity="imminent", filters=scanner("imminent"))
        assert result.exit in {exit_, "too_short"}
        assert result.spared == ""


def test_a_row_without_a_client_is_not_asked_of_the_filters():
    """There is nobody whose risk they could see."""
    row = [Message("assistant", "ok")]
    result = assess(row, thresholds=THRESHOLDS, filters=scanner("high"))
    assert result.exit == "too_short"


def test_the_system_turn_counts_for_nothing():
    """Neither its words nor its crisis wording are the client's."""
    system = Message("system", "Whoever wants to die is given the number of a crisis line.")
    row = [system, *messages(BAD["generic_reply"][0])]
    assert assess(row, thresholds=THRESHOLDS) == found(BAD["generic_reply"][0])


@pytest.mark.parametrize(
    ("turns", "detail"),
    [
        pytest.param(("x" * 20_001, "y"), "a message of 20001 characters, 20000 are allowed", id="message"),
        pytest.param(("a b " * 4_900, "c d " * 4_900) * 3, "117600 characters, 100000 are allowed", id="row"),
        pytest.param(("i want to die " * 800_000, "y"), "a message of 11200000 characters, 20000 are allowed", id="10 MB"),
    ],
)  # fmt: skip
def test_a_row_that_is_too_long_leaves_unread(turns, detail):
    """By its length alone: nothing is scored, and 10 MB take no time."""
    start = time.perf_counter()
    result = found(turns, severity="high")
    assert time.perf_counter() - start < QUICK_S
    assert result == ({}, "too_long", detail, "")


def test_a_row_on_the_limits_is_read():
    """20,000 characters a message and 100,000 in all are allowed."""
    turns = (
        "I feel low. ".ljust(20_000, "x"),
        "y" * 20_000,
        "z" * 20_000,
        "a" * 20_000,
        "b" * 20_000,
    )
    assert found(turns).exit != "too_long"


def test_an_odd_message_takes_no_longer():
    """No pattern goes quadratic: 20,000 characters of anything are read at once."""
    for piece in ("a", "'", " ", "a'", "\u00e2", "\U0001f622", "{", "die ", "\x00", "\u5929"):
        start = time.perf_counter()
        found((piece * (20_000 // len(piece)), piece * (20_000 // len(piece))))
        assert time.perf_counter() - start < QUICK_S


@pytest.mark.parametrize(
    ("turns", "exit_", "detail"),
    [
        pytest.param(("no", TALK[1]), "too_short", "the client says 1 words, 3 are due", id="client"),
        pytest.param((TALK[0], "Why?"), "too_short", "the replies have 1 words, 10 are due", id="replies"),
        pytest.param((TALK[0], "As an AI language model " + TALK[1]), "template_reply", "a reply holds template 8 of words.yaml", id="template"),
        pytest.param((TALK[0], "Go on now. " * 12), "repetitive", "variety 0.392 is below 0.6", id="score"),
    ],
)  # fmt: skip
def test_the_detail_tells_the_figure_and_no_word(turns, exit_, detail):
    """What was found and what is due; nothing that was said."""
    assert found(turns)[1:3] == (exit_, detail)


def test_every_score_of_a_talk_is_named():
    """A row that is long enough has all six, between 0 and 1."""
    result = found(BAD["incoherent_answer"][0])
    assert tuple(sorted(result.scores)) == SCORES
    assert all(0.0 <= score <= 1.0 for score in result.scores.values())


def test_thresholds_can_be_switched_off():
    """With all at 0 only the length is left."""
    off = THRESHOLDS._replace(**{name: 0 for name in THRESHOLDS._fields if name.startswith("min_")})
    kept = [
        assess(messages(turns), thresholds=off).exit
        for name, rows in BAD.items()
        if name != "template_reply"
        for turns in rows
    ]
    assert set(kept) == {""}


def test_the_order_of_the_exits_is_the_one_they_are_asked_in():
    """A row with every fault leaves by the first of them."""
    row = messages(("!", "{{ !"))
    faults = assessment._faults(
        *(assessment.scores.side(row, role) for role in ("user", "assistant")),
        dict.fromkeys((*SCORES, "transcription_quality"), 0.0),
        THRESHOLDS,
        None,
    )
    assert ("too_long", *(name for name, _ in faults)) == EXITS


@pytest.fixture(scope="module")
def authored():
    """The corpus rows of the authored sources, made from data/raw by their adapters."""
    rows = []
    for name, adapter in (("dialogues", dialogues), ("concepts", concepts)):
        for line, raw in adapter.read(ROOT / "data/raw" / f"{name}.jsonl"):
            turns = [Message(turn.role, turn.content) for turn in raw.messages]
            domain = raw.domain or "psychology_knowledge"
            rows.append(
                Conversation(
                    f"{name}:{line}", name, "CC-BY-4.0", turns, domain=domain, gold=raw.gold
                )
            )
    return rows
