"""Replies on their way out: nothing leaves that redaction would hide, or that a judgement stops."""

import random
from collections import Counter
from collections.abc import Iterator
from re import _parser as parser
from typing import NamedTuple

import msgspec
import pytest

from caretune.safety import addresses, gates, pii, protocol, stream, validators
from caretune.safety.chain import Chain
from caretune.safety.stream import Stream
from caretune.safety.taxonomy import Action

_CONTEXT = "I cannot sleep before exams."
_SENTENCES = (
    "That sounds like a lot to carry at once.",
    "What was the hardest part of this week?",
    "It makes sense that you are tired after so many short nights.",
    "Many people find that writing the worry down helps a little!",
    "You could start with ten minutes and see how it goes.",
    "I wonder what you would tell a friend in the same place.",
    "We can look at one thing at a time.",
    "You did not have to say it, and you said it anyway\u2026",
    "Version 2.0 of the timetable came out in May. 3 lessons moved.",
    "Some days are like that:\n- a slow start\n- a long walk\nAnd that is fine.",
    "\u201cOne step,\u201d as they say. \u201cThen the next.\u201d",
)
_PLACED = (
    "Please write to {email}. They answer soon.",
    "Ring {phone} and ask for the desk.",
    "The number is {phone}. 24 hours a day somebody is there.",
    "It was {dotted}. Ext. 12 is hers.",
    "On the form the SSN is {ssn}. Keep it safe.",
    "The card {card} was on the table.",
    "You said you live at {address}. {town} is not far from there.",
    "She moved to {address},\n{town}. Then she rang.",
    "I live near {address}. {name} went there too. {other} was late. We met Mr. {other}.",
    "You could see Dr. {name} about it.",
    "My name is {name}. {other} rang yesterday.",
    "You talked to your sister {name}. She was kind.",
    "He was born on {date}. That is long ago.",
    "Born:\n{date}\nBirthday: {date}.",
    "Signed,\n{name} {other}",
    "It was at {ip}. {url} has the rest.",
    "Look at {url}. It is short.",
    "Please call on {few}. {few} minutes is enough. You can call us on 1. 2. 3. Then rest.",
    "Dial {few}. {few}. {few}. And text HELLO to {few} {few} {few}. 5 lines are there.",
)
_ALWAYS = frozenset({"card", "ssn", "email", "phone", "dotted", "ip", "url"})
"""Kinds that redaction of the whole reply hides wherever they stand."""
_MISSED = {"name": 0.2, "other": 0.35, "town": 0.15, "address": 0.02, "date": 0.02}
"""At most this share of the other kinds is missed; a town or a first name alone is often no finding."""
_NAMES = ("Thandeka", "Orla", "Idris", "Siobhan", "Kwame", "Mirela", "Anselm", "Zofia")
_STREETS = ("Oak Lane", "Tollgate Street", "Ferncliffe Gardens", "Saxon Mead", "Station Road")
_TOWNS = ("Pulborough", "Tipton", "Leeds, LS1 4AB", "Springfield, IL 62704", "Cardiff")


class Planted(NamedTuple):
    """A reply and what was planted in it."""

    text: str
    secrets: list[tuple[str, str]]


def _planted(rng: random.Random) -> Planted:
    """Return two to nine sentences with one to four secrets at random places."""
    sentences = rng.choices(_SENTENCES, k=rng.randint(1, 6))
    secrets: list[tuple[str, str]] = []
    for _ in range(rng.randint(1, 4)):
        values = _values(rng)
        template = rng.choice(_PLACED)
        secrets += [
            (kind, value)
            for kind, value in values.items()
            if f"{{{kind}}}" in template and kind != "few"
        ]
        sentences.insert(rng.randint(0, len(sentences)), template.format(**values))
    return Planted(rng.choice((" ", " ", "  ", "\n", "\n\n")).join(sentences), secrets)


def _values(rng: random.Random) -> dict[str, str]:
    """Return one secret of every kind."""
    name, other = rng.sample(_NAMES, 2)
    digits = [rng.randint(0, 9) for _ in range(10)]
    local = "".join(map(str, digits[:4]))
    card = next(
        text
        for check in "0123456789"
        if validators.luhn(text := f"4000{''.join(map(str, digits))}0{check}")
    )
    return {
        "name": name,
        "other": other,
        "email": f"{name.lower()}.{digits[0]}@example.{rng.choice(('com', 'co.uk'))}",
        "phone": rng.choice((f"020 7946 {local}", f"+1 (212) 555-{local}", f"0161-496-{local}")),
        "dotted": f"212.555.{local}",
        "ssn": f"{rng.randint(100, 665)}-{rng.randint(10, 99)}-{local}",
        "card": " ".join(card[place : place + 4] for place in range(0, 16, 4)),
        "address": f"{rng.randint(1, 300)} {rng.choice(_STREETS)}",
        "town": rng.choice(_TOWNS),
        "date": f"{rng.randint(1, 28)}. {rng.randint(1, 12)}. {rng.randint(1940, 2010)}",
        "ip": f"203.0.113.{rng.randint(1, 250)}",
        "few": str(rng.randint(1, 300)),
        "url": f"https://www.example.org/{local}",
    }


def _pieces(text: str, rng: random.Random) -> Iterator[str]:
    """Cut a text into pieces of 1 to 60 characters."""
    place = 0
    while place < len(text):
        size = rng.randint(1, rng.choice((3, 20, 60)))
        yield text[place : place + size]
        place += size


class Run(NamedTuple):
    """What a stream gave."""

    early: str
    ending: stream.Ending

    @property
    def text(self) -> str:
        """All that left."""
        return self.early + self.ending.text


def _run(chain: Chain, pieces, context: str | None = _CONTEXT) -> Run:
    guard = Stream(chain, context)
    early = "".join([guard.feed(piece) for piece in pieces])
    return Run(early, guard.finish())


class Figures(NamedTuple):
    """What a trial over many replies saw.

    Of the `planted` secrets of each kind `missed` are not hidden by redaction of the whole reply, and
    `left` are in what left. `faults` counts the replies that ended because a filter broke.
    """

    planted: Counter[str]
    missed: Counter[str]
    left: Counter[str]
    faults: int
    stopped: int
    early: int


def _trial(chain: Chain, replies: int) -> Figures:
    """Stream planted replies; each must be the offline redaction, or its prefix where stopped."""
    planted, missed, left = Counter[str](), Counter[str](), Counter[str]()
    faults = stopped = early = 0
    for seed in range(replies):
        rng = random.Random(seed)
        reply = _planted(rng)
        offline = chain.redact(reply.text, ours=True).text
        run = _run(chain, _pieces(reply.text, rng))
        if run.ending.stopped:
            assert offline.startswith(run.text), seed
        else:
            assert run.text == offline, seed
        planted.update(kind for kind, _ in reply.secrets)
        missed.update(kind for kind, secret in reply.secrets if secret in offline)
        left.update(kind for kind, secret in reply.secrets if secret in run.text)
        faults += run.ending.decision.gates == gates.failed()
        stopped += run.ending.stopped
        early += bool(run.early)
    return Figures(planted, missed, left, faults, stopped, early)


def _hold(figures: Figures) -> None:
    """Hold a trial to its bounds: no fault, and of each kind as few as were ever missed."""
    assert figures.faults == 0
    assert figures.left <= figures.missed
    for kind, planted in figures.planted.items():
        share = 0.0 if kind in _ALWAYS else _MISSED[kind]
        assert figures.missed[kind] <= share * planted, kind


def test_planted_secrets_leave_no_more_than_offline_and_the_text_is_the_same(chain):
    """In 300 replies nothing leaves that redaction of the whole hides, and that hides most."""
    figures = _trial(chain, 300)
    _hold(figures)
    assert figures.planted.total() > 500
    assert set(figures.planted) >= _ALWAYS
    assert figures.early > 100
    assert figures.stopped < 150


@pytest.mark.slow
def test_ten_thousand_replies_leave_as_their_offline_redaction(chain):
    """What leaves of 10,000 replies is their offline redaction, or its beginning where one is stopped."""
    figures = _trial(chain, 10_000)
    _hold(figures)
    assert figures.planted.total() > 15_000
    assert figures.early > 3_000
    assert figures.stopped < 5_000


def test_redaction_piece_by_piece_leaks(chain):
    """The trial can fail: a filter that sees one piece at a time lets secrets through."""
    leaks = 0
    for seed in range(50):
        rng = random.Random(seed)
        reply = _planted(rng)
        offline = chain.redact(reply.text, ours=True).text
        naive = "".join(chain.redact(piece).text for piece in _pieces(reply.text, rng))
        leaks += sum(secret in naive and secret not in offline for _, secret in reply.secrets)
    assert leaks > 20


def _sentences(*middle: str) -> str:
    return " ".join([*_SENTENCES[:2], *middle, *_SENTENCES[2:7]])


@pytest.mark.parametrize(
    "middle",
    [
        pytest.param("Ask for Dr. Thandeka Osei.", id="title"),
        pytest.param("Ring 020. 7946. 0000. Then wait.", id="phone"),
        pytest.param("He was born on 14. 2. 1990. It rained.", id="date"),
        pytest.param("It is 5 Oak Lane. Thandeka went. It is 7 Elm Road. Orla rang.", id="address"),
        pytest.param(
            "It is 5 Oak Lane, " + "No. 5 " * 9 + "at 7 A. So. Orla. He. 7 Elm Road.", id="joined"
        ),
        pytest.param("It was number 12.\n5 Oak Lane is near.\n12\n5 Oak Lane", id="before"),
        pytest.param("It is at 5 Saxon Mead,\nPulborough,\nRH20 4AB.\nIt is old.", id="lines"),
        pytest.param("He wrote 12.05.1980. Born in spring, they said.", id="birth-word-after"),
        pytest.param("Zofia. She rang, and Zofia left.", id="name-by-what-follows"),
        pytest.param("Ring 020 7946 0000. Or 020 7946 0001. Or 020 7946 0000.", id="numbered"),
        pytest.param("That is all. Zofia. Mother of " + "two and " * 10 + "three.", id="far"),
        pytest.param("Please call on 9. 5 minutes is enough. Rest now.", id="offered"),
        pytest.param("You can call us on 1. 2. 3. 4 and rest. Or not.", id="offered-list"),
        pytest.param("Ring 020 7946\u200b" + "\u200b" * 300 + " 0000. Then wait.", id="invisible"),
    ],
)
def test_what_spans_or_stands_near_a_sentence_end_is_redacted_as_in_the_whole(chain, middle):
    """For one character at a time, for all at once, and cut in two at many places."""
    text = _sentences(middle)
    offline = chain.redact(text, ours=True).text
    halves = [(text[:place], text[place:]) for place in range(0, len(text), 41)]
    for pieces in (text, [text], *halves):
        assert _run(_Lenient(chain), pieces).text == offline


class _Lenient:
    """The chain, whose judgements all pass: only the redaction is looked at."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self.candidates = chain.candidates
        self.redact = chain.redact

    def scan_message(self, text, role, context):
        """Judge as the chain and let it pass."""
        decision = self._chain.scan_message(text, role, context)
        return msgspec.structs.replace(decision, action=Action.REDACT)


def test_text_leaves_in_whole_sentences_with_a_window_behind(chain):
    """A sentence leaves with the first character beyond the window, never earlier or in part."""
    first, rest = "What was the hardest part?", " W" + "e can look at it" * 40
    guard = Stream(chain, _CONTEXT)
    assert guard.feed(first + rest[: stream.WINDOW]) == ""
    assert guard.feed(rest[stream.WINDOW]) == first
    assert guard.feed(rest[stream.WINDOW + 1 :]) == ""
    assert guard.finish().text == rest


def test_invisible_characters_are_no_window(chain):
    """A sentence waits until text that patterns can see stands behind it."""
    guard = Stream(chain, _CONTEXT)
    assert guard.feed("What was the hardest part? We" + "\u200b" * 300) == ""
    assert guard.feed(" can look at one thing" * 10).startswith("What was the hardest part?")


@pytest.mark.parametrize("size", [1, 17, 5000])
def test_a_reply_that_turns_unsafe_late_is_stopped_with_its_last_part_held_back(chain, size):
    """What passed has left, for every chunking the same; the insult and all behind it never leave."""
    text = _sentences("I'll smash your face, you pathetic clown.", *_SENTENCES[:9])
    run = _run(chain, [text[place : place + size] for place in range(0, len(text), size)])
    assert run.text == " ".join(_SENTENCES[:2])
    assert run.ending.stopped
    assert run.ending.decision.action == "block"
    assert run.ending.decision.toxicity.toxic


def test_a_reply_that_turns_unsafe_in_its_last_sentence_is_stopped_at_the_end(chain):
    """The whole reply is judged too: nothing of the last part leaves."""
    guard = Stream(chain, _CONTEXT)
    guard.feed(_sentences("My lips are sealed. I'll smash your face, you pathetic clown."))
    ending = guard.finish()
    assert (ending.text, ending.stopped) == ("", True)
    assert guard.stopped
    assert guard.feed(" What else?") == ""


def test_a_sentence_is_judged_in_its_context(chain):
    """The same words may leave in calm and not to somebody in danger."""
    seen = []

    class _Asked(_Lenient):
        def scan_message(self, text, role, context):
            seen.append((text, role, context))
            return super().scan_message(text, role, context)

    guard = Stream(_Asked(chain), "i want to die")
    guard.feed(_sentences())
    guard.finish()
    assert {(role, context) for _, role, context in seen} == {("assistant", "i want to die")}
    assert next(text for text, *_ in seen) == _SENTENCES[0]
    assert [text for text, *_ in seen][-1] == _sentences()


def test_judgements_go_by_sentences_and_not_by_pieces(chain):
    """Six hundred pieces cost as many judgements as one."""
    asked = []

    class _Asked(_Lenient):
        def scan_message(self, text, role, context):
            asked.append(text)
            return super().scan_message(text, role, context)

    _run(_Asked(chain), _sentences())
    singly, whole = list(asked), asked.clear()
    _run(_Asked(chain), [_sentences()])
    assert whole is None
    assert singly == asked
    assert len(asked) < 8


@pytest.mark.parametrize("at", ["feed", "finish"])
def test_a_filter_that_raises_stops_the_stream(chain, monkeypatch, at):
    """Nothing leaves from there on, and the decision is to block."""

    def broken(*_):
        raise RuntimeError

    guard = Stream(chain, _CONTEXT)
    early = guard.feed(_SENTENCES[1]) if at == "feed" else guard.feed(_sentences())
    monkeypatch.setattr(pii, "detect", broken)
    later = guard.feed(_sentences()) if at == "feed" else ""
    ending = guard.finish()
    assert (bool(early), later, ending.text) == (at == "finish", "", "")
    assert (ending.stopped, ending.decision.action) == (True, "block")


@pytest.mark.parametrize("at", ["feed", "finish"])
def test_redaction_that_contradicts_what_has_left_stops_the_stream(chain, at):
    """A filter whose later text changes earlier redaction is a fault: nothing more leaves."""

    class _Turning(_Lenient):
        digest = chain.digest

        def redact(self, text, ours=False):
            return chain.redact(text, ours)

        def scan_message(self, text, role, context):
            decision = super().scan_message(text, role, context)
            late = at == "finish" and text == whole
            return msgspec.structs.replace(decision, redacted="Other.") if late else decision

    whole = _sentences()
    turning = _Turning(chain)
    guard = Stream(turning, _CONTEXT)
    assert guard.feed(whole)
    if at == "feed":
        guard._left = "Something else"
        assert guard.feed(" " + whole) == ""
    ending = guard.finish()
    assert (ending.text, ending.stopped, ending.decision.action) == ("", True, "block")


def test_a_reply_without_a_sentence_end_leaves_at_its_end(chain):
    """One long sentence is judged and redacted as a whole."""
    text = "we can look at one thing at a time and " * 12 + "ring 020 7946 0000"
    run = _run(chain, text)
    assert (run.early, run.text) == ("", chain.redact(text, ours=True).text)


def test_an_empty_reply_ends_without_text(chain):
    """No piece, no text, not stopped."""
    run = _run(chain, [])
    assert (run.text, run.ending.stopped) == ("", False)


def _reach(expression: str) -> int:
    """Return how many characters an expression may look at, lookaheads included."""

    def ahead(parsed) -> int:
        found = 0
        for operation, argument in parsed:
            if operation in {parser.ASSERT, parser.ASSERT_NOT} and argument[0] == 1:
                found = max(found, argument[1].getwidth()[1])
            elif operation is parser.SUBPATTERN:
                found = max(found, ahead(argument[-1]))
            elif operation is parser.BRANCH:
                found = max(found, *map(ahead, argument[1]))
        return found

    parsed = parser.parse(expression)
    return parsed.getwidth()[1] + ahead(parsed)


def test_no_pattern_of_personal_data_looks_beyond_the_window(chain):
    """Width and lookahead together, and what validators see behind a match."""
    reaches = [_reach(pattern.pattern) for pattern, *_ in chain._private._compiled]
    assert len(reaches) > 20
    assert max(reaches) <= stream.WINDOW
    assert _reach(protocol._OFFERED.pattern) <= stream.WINDOW
    assert addresses._AROUND <= stream.WINDOW
    assert validators.NEAR <= stream.WINDOW
    assert _reach(r"a{3}(?=b{4})") == 7
