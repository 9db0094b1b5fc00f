"""Every raw row becomes a corpus row or leaves by name, whatever order the rows come in."""

import json
from collections import Counter
from itertools import islice

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caretune import records
from caretune.corpus import ingest
from caretune.corpus.ingest import Ingest
from caretune.corpus.source import Source
from caretune.corpus.spool import Spool
from caretune.errors import LineageError, SourceError
from caretune.lineage import digest, ledger, suppression
from caretune.lineage.suppression import Entry
from caretune.records import Conversation
from tests.fixtures import corpus
from tests.fixtures.corpus import LENIENT, ingested, read, sample, source
from tests.unit.corpus.test_door import Filters

USER = {"role": "user", "content": "I cannot sleep."}
REPLY = {"role": "assistant", "content": "How long has that been?"}
DIALOGUE = {
    "category": "sleep",
    "difficulty": "hard",
    "domain": "crisis_safety",
    "client": {"age_band": "adult", "background": "baker"},
}


def chat(folder, *rows, name="chat", **changes) -> Source:
    """Write rows, each a list of messages or a line of text, as a chat source."""
    path = folder / f"{name}.jsonl"
    lines = [row if isinstance(row, str) else json.dumps({"messages": row}) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return source(path, "chat", name=name, **changes)


def dialogues(folder, *rows: tuple[str, list], name="dialogues") -> Source:
    """Write dialogues, each a severity and its messages."""
    path = folder / f"{name}.jsonl"
    lines = [
        {
            **DIALOGUE,
            "crisis": {
                "types": [],
                "severity": severity,
                "timeline": "none",
                "protective": [],
            },
            "messages": messages,
        }
        for severity, messages in rows
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return source(path, "dialogues", name=name)


def day(number: int) -> list[dict]:
    """Make a chat of its own words."""
    return [{"role": "user", "content": f"Day {number}: I cannot sleep."}, REPLY]


def outcome(sources, folder, max_bad_rate=1.0, **changes):
    """Return the rows let in, the edges and the figures, whatever is bad in the sources."""
    with ingested(sources, folder, max_bad_rate, **changes) as made:
        made.write(folder / "corpus.jsonl")
        lines = (folder / "corpus.jsonl").read_bytes().splitlines()
        edges = sorted(made.edges())
        figures = made.figures(ledger.summarise(edges))
    return [msgspec.json.decode(line, type=Conversation) for line in lines], edges, figures


def ways(edges) -> list[str]:
    """Return the exit of each edge in the order of the raw lines, empty where a row was let in."""
    return [edge.exit for edge in sorted(edges, key=lambda e: int(e.source.split(":")[1]))]


def test_rows_read_are_rows_written_plus_named_exits(tmp_path):
    """Nothing is lost: seven lines, one row, six edges that say why not."""
    described = chat(
        tmp_path,
        [USER, REPLY],
        [USER, REPLY],
        "{",
        '{"messages": 3}',
        [USER, {"role": "bot", "content": "Hm."}],
        [USER, {"role": "assistant", "content": " \n"}],
        [{"role": "system", "content": "Be kind."}],
    )
    rows, edges, figures = outcome([described], tmp_path)
    assert len(rows) == 1
    found = ["", "duplicate", "bad_json", "bad_field", "unknown_role", "empty", "empty"]
    assert ways(edges) == found
    assert figures["exits"] == Counter(found[1:])


GOOD = st.integers(0, 4).map(lambda number: json.dumps({"messages": day(number)}))
BAD = st.sampled_from(
    [
        "{",
        "[]",
        '{"messages": 3}',
        '{"messages": []}',
        '{"messages": [{"role": "system", "content": "Be kind."}]}',
        '{"messages": [{"role": "bot", "content": "a"}, {"role": "user", "content": "b"}]}',
        '{"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}',
        '{"messages": [{"role": "user", "content": "a\\u0000"}]}',
        '{"messages": [{"role": "user", "content": "short"}, {"role": "assistant", "content": "."}]}',
    ]
)


@settings(deadline=None)
@given(
    files=st.lists(st.lists(GOOD | BAD, max_size=8), max_size=3),
    weight=st.sampled_from([1.0, 0.5, 0.3]),
    cap=st.none() | st.integers(1, 3),
)
def test_whatever_comes_each_row_is_accounted_for(tmp_path_factory, files, weight, cap):
    """Of any mix of good and bad lines: read = written + exits, row by row, in sum and in figures."""
    folder = tmp_path_factory.mktemp("any")
    good = json.dumps({"messages": day(9)})
    sources = [
        chat(folder, good, *lines, name=f"file{number}", weight=weight, cap=cap)
        for number, lines in enumerate([[], *files])
    ]
    thresholds = LENIENT._replace(min_reply_words=2)
    rows, edges, figures = outcome(sources, folder, thresholds=thresholds)
    names = [
        f"{s.name}:{n}" for s in sources for n in range(1, s.path.read_bytes().count(b"\n") + 1)
    ]
    ledger.check_conserved(edges, names, [row.id for row in rows])
    summary = figures["ledger"]
    assert summary.rows_read == len(names) == summary.rows_written + sum(summary.exits.values())
    assert figures["rows"]["total"] == len(rows) == summary.rows_written
    _check_figures(rows, figures)


def _check_figures(rows: list[Conversation], figures: dict) -> None:
    """Check that what was counted on the way is what the rows hold."""
    assert figures["rows"]["source"] == Counter(row.source for row in rows)
    assert figures["messages"] == Counter(m.role for row in rows for m in row.messages)
    assert figures["persons"] == len({row.person for row in rows} - {None})
    for name, quality in figures["quality"].items():
        kept = [row for row in rows if row.source == name]
        assert quality["rows"]["after"] == len(kept)
        for score, shown in quality["scores"].items():
            found = [row.scores[score] for row in kept if score in (row.scores or {})]
            assert shown["after"]["n"] == len(found)
            assert min(shown["after"]["histogram"]) >= 0
            if found:
                assert shown["after"]["mean"] == pytest.approx(sum(found) / len(found), abs=1e-3)


def test_figures_count_what_got_in(tmp_path):
    """Rows by source, domain, difficulty, severity and licence each sum to the total."""
    rows, _, figures = outcome(sample(tmp_path), tmp_path, max_bad_rate=0.0)
    _check_figures(rows, figures)
    assert figures["rows"].pop("total") == len(rows) == 40
    assert {name: sum(count.values()) for name, count in figures["rows"].items()} == dict.fromkeys(
        ("source", "domain", "difficulty", "severity", "license"), 40
    )
    assert figures["rows"]["severity"]["unlabelled"] == 9
    assert figures["ledger"].rows_read == 40
    assert figures["crisis"]["in"] == figures["crisis"]["out"] > 0


def test_the_corpus_is_sorted_by_id(tmp_path):
    """Lines come in the order of their ids and end in a line feed."""
    with ingested(sample(tmp_path), tmp_path) as made:
        assert made.write(tmp_path / "corpus.jsonl") == 40
    lines = (tmp_path / "corpus.jsonl").read_bytes().splitlines(keepends=True)
    ids = [msgspec.json.decode(line, type=Conversation).id for line in lines]
    assert ids == sorted(ids)
    assert all(line.endswith(b"}\n") for line in lines)


def test_raw_rows_in_another_order_give_the_same_bytes(tmp_path):
    """Shuffled lines change no byte of the corpus and no figure but the ledger's root."""
    lines = [json.dumps({"messages": day(n % 30)}) for n in range(60)]
    found = []
    for number, order in enumerate((lambda text: text, reversed, sorted)):
        folder = tmp_path / str(number)
        folder.mkdir()
        described = [
            chat(folder, *order(lines[:40]), name="one", weight=0.7),
            chat(folder, *order(lines[20:]), name="two", cap=5),
        ]
        rows, _, figures = outcome(described, folder)
        found.append((rows, {**figures, "ledger": None}))
    assert found[0] == found[1] == found[2]
    assert 0 < len(found[0][0]) < 30


def test_the_number_of_shards_changes_nothing(tmp_path, monkeypatch):
    """Rows that go through several processes are those that go through one."""
    described = chat(tmp_path, *(day(n % 20) for n in range(50)))
    whole = outcome([described], tmp_path)
    monkeypatch.setattr(ingest, "_SHARD_ROWS", 7)
    monkeypatch.setattr(ingest.pool.process, "cores", lambda: 2)
    assert outcome([described], tmp_path) == whole


def test_two_runs_give_equal_bytes(tmp_path):
    """The same sources give the same corpus, byte for byte."""
    sources = sample(tmp_path)
    first, second = ([records.encode(row) for row in read(sources, tmp_path)] for _ in range(2))
    assert first == second


def test_duplicates_are_not_bad_rows(tmp_path):
    """A file of one row said 10,000 times is one row, 9,999 exits and no fault."""
    described = chat(tmp_path, *[[USER, REPLY]] * 10_000)
    rows, edges, figures = outcome([described], tmp_path, max_bad_rate=0.0)
    assert len(rows) == 1
    assert Counter(edge.exit for edge in edges) == {"": 1, "duplicate": 9_999}
    assert figures["rows"]["total"] == 1
    _check_figures(rows, figures)


def test_the_same_words_in_two_sources_are_one_row(tmp_path):
    """Case and punctuation do not make another row; the exit names both."""
    loud = [{"role": "user", "content": "I CANNOT sleep"}, REPLY]
    described = [chat(tmp_path, [USER, REPLY], name="one"), chat(tmp_path, loud, name="two")]
    rows, edges, figures = outcome(described, tmp_path)
    gone = next(edge for edge in edges if edge.exit)
    assert len(rows) == 1
    assert gone.exit == "duplicate"
    assert gone.detail.endswith(f": same words as {rows[0].id}")
    assert not gone.detail.startswith(rows[0].id)
    _check_figures(rows, figures)


@pytest.mark.parametrize("severities", [["none", "imminent", "high"], ["high", "imminent", "none"]])
def test_of_the_same_words_the_gravest_stays(tmp_path, severities):
    """Whichever comes first, the row with the gravest label is kept, and what left is counted."""
    described = [
        dialogues(tmp_path, (severity, [USER, REPLY]), name=f"file{number}")
        for number, severity in enumerate(severities)
    ]
    described.append(chat(tmp_path, [USER, REPLY]))
    (row,), _, figures = outcome(described, tmp_path)
    assert row.gold is not None
    assert row.gold.crisis is not None
    assert row.gold.crisis.severity == "imminent"
    assert figures["rows"]["severity"] == {"imminent": 1}
    assert (figures["crisis"]["in"], figures["crisis"]["out"]) == (2, 1)
    assert figures["crisis"]["exits"] == {"duplicate": 1}


def test_of_the_same_words_the_same_row_stays(tmp_path):
    """Rows that differ in case alone: which one is kept does not depend on which comes first."""
    said = ["I cannot sleep.", "i cannot sleep", "I CANNOT SLEEP!"]
    rows = [[{"role": "user", "content": text}, REPLY] for text in said]
    first, second, third = (
        read([chat(tmp_path, *rows[n:], *rows[:n])], tmp_path) for n in range(3)
    )
    assert first == second == third
    assert len(first) == 1


@pytest.mark.parametrize("severities", [["high", "none"], ["none", "high"]])
def test_of_one_id_with_two_labels_the_gravest_stays(tmp_path, severities):
    """A row told twice in one source, once graver, is not taken for one that became milder."""
    described = dialogues(tmp_path, *((severity, [USER, REPLY]) for severity in severities))
    (row,), _, figures = outcome([described], tmp_path)
    assert records.crisis_severity(row) == "high"
    assert (figures["crisis"]["in"], figures["crisis"]["out"]) == (1, 1)


def test_a_cap_takes_the_lowest_by_hash(tmp_path):
    """Of 40 rows a cap of 5 takes five, the same ones whatever the order and whatever else there is."""
    rows = [day(number) for number in range(40)]
    found = []
    for number, some in enumerate([rows, rows[::-1], rows[:40]]):
        folder = tmp_path / str(number)
        folder.mkdir()
        kept, edges, figures = outcome([chat(folder, *some, cap=5)], folder)
        assert Counter(edge.exit for edge in edges) == {"": 5, "over_cap": 35}
        assert {e.detail.split(": ")[1] for e in edges if e.exit} == {"above cap 5"}
        _check_figures(kept, figures)
        found.append(kept)
    assert found[0] == found[1] == found[2]


def test_a_lower_cap_takes_some_of_a_higher_ones_rows(tmp_path):
    """Rows are taken in one order: five of them are among the ten."""
    rows = [day(number) for number in range(40)]
    ten, five = (read([chat(tmp_path, *rows, cap=cap)], tmp_path) for cap in (10, 5))
    assert {row.id for row in five} < {row.id for row in ten}


@pytest.mark.parametrize(("weight", "count"), [(0.5, 50), (0.29, 29), (0.001, 0)])
def test_a_weight_takes_its_share(tmp_path, weight, count):
    """The share is exact, rounded down; what is above it leaves by name."""
    described = chat(tmp_path, *(day(n) for n in range(100)), weight=weight)
    rows, edges, figures = outcome([described], tmp_path)
    assert len(rows) == count
    assert figures["exits"] == {"not_sampled": 100 - count}
    assert {e.detail.split(": ")[1] for e in edges if e.exit} == {"above weight"}


def test_a_cap_binds_within_the_weight(tmp_path):
    """Weight first, then cap: of 100 rows 50 are of the share, and of these 20 stay."""
    described = chat(tmp_path, *(day(n) for n in range(100)), weight=0.5, cap=20)
    _, _, figures = outcome([described], tmp_path)
    assert figures["exits"] == {"not_sampled": 50, "over_cap": 30}


def test_weight_and_cap_of_one_source_leave_others_alone(tmp_path):
    """A source without them gives all of its rows."""
    small = chat(tmp_path, *(day(n) for n in range(10)), name="a", cap=2)
    whole = chat(tmp_path, *(day(n) for n in range(50, 60)), name="b")
    rows = read([small, whole], tmp_path)
    assert Counter(row.source for row in rows) == {"a": 2, "b": 10}


def test_too_many_bad_rows_stop_the_run(tmp_path):
    """Above the rate the whole file is refused: how many, of which kind, where the first one is."""
    described = chat(tmp_path, [USER, REPLY], "{", "{", [USER])
    with pytest.raises(SourceError) as caught:
        outcome([described], tmp_path, max_bad_rate=0.7)
    assert str(caught.value).startswith(
        f"{described.path}: 3 of 4 rows are bad (2 bad_json, 1 empty), more than "
        "params.ingest.max_bad_rate 0.7 allows; the first: chat.jsonl line 2: "
    )
    assert str(caught.value).endswith("Mend the file, or raise the rate.")


def test_as_many_bad_rows_as_the_rate_go_on(tmp_path):
    """At the rate exactly the run goes on."""
    rows, _, _ = outcome([chat(tmp_path, [USER, REPLY], "{")], tmp_path, max_bad_rate=0.5)
    assert len(rows) == 1


def test_the_rate_is_that_of_each_source(tmp_path):
    """A large good source does not make a bad one good."""
    good = chat(tmp_path, *(day(n) for n in range(20)), name="good")
    with pytest.raises(SourceError, match="1 of 2 rows are bad"):
        outcome([good, chat(tmp_path, [USER, REPLY], "{")], tmp_path, max_bad_rate=0.1)


def test_rows_that_are_not_good_enough_are_no_bad_rows(tmp_path):
    """Exits of quality and of suppression stop no run."""
    described = chat(tmp_path, [USER, REPLY], day(1))
    thresholds = LENIENT._replace(min_reply_words=50)
    rows, edges, _ = outcome([described], tmp_path, max_bad_rate=0.0, thresholds=thresholds)
    assert (rows, ways(edges)) == ([], ["too_short", "too_short"])
    suppressed = suppression.sets([Entry("source", "chat")])
    rows, edges, figures = outcome([described], tmp_path, max_bad_rate=0.0, suppressed=suppressed)
    assert (rows, ways(edges)) == ([], ["suppressed", "suppressed"])
    assert figures["quality"] == {}


def test_an_empty_file_is_refused(tmp_path):
    """A source without rows is a fault of the source, said in one sentence."""
    with pytest.raises(SourceError, match=r"chat\.jsonl: holds no rows\. Give it rows, or set"):
        read([chat(tmp_path)], tmp_path)


def test_no_source_is_refused(tmp_path):
    """A corpus of nothing is refused."""
    with pytest.raises(SourceError, match="none is enabled"):
        read([], tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"sha256": "0" * 64}, "has sha256", id="other bytes"),
        pytest.param({"license": "MITT"}, "is no licence this project knows", id="licence"),
    ],
)
def test_a_bad_source_is_refused_before_any_row_is_read(tmp_path, monkeypatch, changes, said):
    """The licences and digests of all sources are checked first."""
    good = chat(tmp_path, [USER, REPLY])
    monkeypatch.setattr(ingest.pool, "run", None)
    with pytest.raises(SourceError, match=said):
        read([good, good._replace(name="other", **changes)], tmp_path)


def test_personal_data_is_counted_by_type(tmp_path, monkeypatch):
    """What was replaced is counted; with redaction off the figure is null, not zero."""
    monkeypatch.setattr("caretune.corpus.door.Chain.load", lambda _: Filters())
    written = {"role": "assistant", "content": "a@b.org c@d.org"}
    described = chat(tmp_path, [USER, written])
    (row,), _, figures = outcome([described], tmp_path, filters=tmp_path)
    assert row.messages[1].content == "[EMAIL_1] [EMAIL_2]"
    assert figures["pii"] == {"EMAIL": 2}
    assert outcome([described], tmp_path)[2]["pii"] is None


def test_a_row_that_redaction_took_out_is_no_row_after(tmp_path, monkeypatch):
    """It is in the quality figures before and not after, and among the exits."""
    monkeypatch.setattr("caretune.corpus.door.Chain.load", lambda _: Filters())
    described = chat(tmp_path, [{"role": "user", "content": "I am a@b.org"}, REPLY], day(1))
    rows, _, figures = outcome([described], tmp_path, filters=tmp_path)
    assert figures["exits"] == {"redaction_loss": 1}
    _check_figures(rows, figures)


def test_whoever_watches_is_told_of_every_row(tmp_path):
    """The rows done add up to the rows read."""
    described = chat(tmp_path, *(day(n) for n in range(30)), "{")
    seen: list[int] = []
    made = Ingest(corpus.settings([described]), seed=1, max_bad_rate=1.0, folder=tmp_path)
    with made:
        made.read(seen.append)
    assert sum(seen) == 31


def test_rows_are_counted_beforehand_where_lines_tell(tmp_path):
    """JSONL files say how many rows will come; another format, or a missing file, does not."""
    one, two = chat(tmp_path, "{", "{"), chat(tmp_path, "{", name="two")
    assert ingest.expected_rows([one, two]) == 3
    table = tmp_path / "table.csv"
    table.touch()
    assert ingest.expected_rows([one, source(table, "counsel_chat")]) is None
    assert ingest.expected_rows([source(tmp_path / "none.jsonl", "chat")]) is None


def test_a_suppressed_row_does_not_come_back_from_another_source(tmp_path):
    """Its words in a second source, or in another case, leave by the same exit."""
    first = chat(tmp_path, [USER, REPLY], name="first")
    shout = {"role": "user", "content": USER["content"].upper()}
    second = chat(tmp_path, [shout, REPLY], day(2), name="second")
    (row,) = read([first], tmp_path)
    gone = suppression.sets([suppression.Entry("row", row.id)])
    rows, edges, figures = outcome([first, second], tmp_path, suppressed=gone)
    assert [found.messages[0].content for found in rows] == ["Day 2: I cannot sleep."]
    assert [edge.exit for edge in edges] == ["suppressed", "suppressed", ""]
    assert edges[1].detail.endswith(f"same words as {row.id}")
    assert figures["sources"]["second"] == {
        "license": "CC-BY-4.0",
        "rows_read": 2,
        "rows_written": 1,
        "exits": {"suppressed": 1},
    }


def test_of_equal_rows_the_labelled_one_stays(tmp_path):
    """A label of no crisis is worth more than none, whatever the bytes."""
    plain = chat(tmp_path, [USER, REPLY], name="a")
    labelled = dialogues(tmp_path, ("none", [USER, REPLY]), name="z")
    assert [row.source for row in read([plain, labelled], tmp_path)] == ["z"]


def test_a_row_lost_on_its_way_to_the_file_is_noticed(tmp_path, monkeypatch):
    """The guard can fail: what was written is held against what was read."""
    lines = Spool._lines
    monkeypatch.setattr(Spool, "_lines", lambda *given: islice(lines(*given), 1))
    with (
        ingested([chat(tmp_path, day(1), day(2))], tmp_path) as made,
        pytest.raises(LineageError, match="ingest: 1 rows are not accounted for"),
    ):
        made.write(tmp_path / "corpus.jsonl")


def test_long_rows_make_small_shards(tmp_path, monkeypatch):
    """A shard ends at so many characters, so that long rows do not fill the memory."""
    monkeypatch.setattr(ingest, "_SHARD_CHARS", 60)
    with ingested([chat(tmp_path, *map(day, range(6)))], tmp_path) as made:
        sizes = [len(shard) for shard in made._shards(made._settings.sources.values())]
    assert sizes == [2, 2, 2]


def test_a_folder_is_a_source(tmp_path):
    """Its digest is that of all its files; another byte in one is refused."""
    folder = tmp_path / "talks"
    folder.mkdir()
    for number in (1, 2):
        (folder / f"{number}.txt").write_text(
            f"Therapist: Hello, what brings you here today?\nClient: Day {number}, I cannot sleep at all.\n"
            "Therapist: How long has that been going on?\n"
        )
    given = source(folder, "transcripts", name="talks", sha256=digest.sha256_folder(folder))
    assert len(read([given], tmp_path)) == 2
    (folder / "1.txt").write_text("Therapist: Hm.")
    with pytest.raises(SourceError, match=r"talks: has sha256 .* but params"):
        read([given], tmp_path)
