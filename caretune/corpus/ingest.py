"""Every row of every source becomes a corpus row or leaves by a named exit.

Raw rows go through the door shard by shard, in several processes. What needs all rows is decided
afterwards: rows of the same words are one row (exit `duplicate`), and a source gives no more than its
`weight` (`not_sampled`) and `cap` (`over_cap`). The corpus is written in the order of its ids, so
that raw files in another order give the same bytes.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from math import floor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from caretune.corpus import conservation, licences, pool
from caretune.corpus import source as data_source
from caretune.corpus.conservation import Graded
from caretune.corpus.contents import Contents
from caretune.corpus.door import Door, Entry, Settings
from caretune.corpus.quality.tally import Tally
from caretune.corpus.rows import Rows
from caretune.corpus.source import RawRow, Source
from caretune.corpus.sources.raw import RawConversation
from caretune.corpus.spool import Spool
from caretune.errors import SourceError
from caretune.lineage import digest, ledger, suppression
from caretune.lineage.ledger import Edge
from caretune.records import Client, Conversation, Gold
from caretune.safety.taxonomy import Severity, severity_rank

_STAGE = "ingest"
_SHARD_ROWS = 512
_SHARD_CHARS = 4 << 20


class Ingest:
    """The corpus in the making; use it in a `with` block, `read` once, then write.

    Args:
        settings: What the door goes by.
        seed: Of the order in which rows of a source are taken, where not all are.
        max_bad_rate: More bad rows than this share of a source's rows (0..1) stop the run.
        folder: Where temporary files lie, without a name; as large as the corpus.
    """

    def __init__(self, settings: Settings, *, seed: int, max_bad_rate: float, folder: Path) -> None:
        self._settings = settings
        self._seed = seed
        self._max_bad_rate = max_bad_rate
        self._spool = Spool(folder)
        self._names: list[str] = []
        self._ids: list[str] = []
        self._best: dict[bytes, int] = {}
        self._same: dict[int, bytes] = {}
        self._gone: dict[int, tuple[str, str]] = {}
        self._forgotten: dict[bytes, str] = {}
        self._read: list[str] = []
        self._written: list[str] = []
        self._exits: list[Edge] = []
        self._at_risk: list[Graded] = []
        self._contents, self._quality = Contents(), Tally()
        self._pii: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._spool.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._spool.__exit__(kind, error, trace)

    def read(self, seen: Callable[[int], object] = lambda _: None) -> None:
        """Read every source; `seen` is told how many rows more are done.

        Raises:
            SourceError: No source is given; or one is missing, has other bytes than params say, has
                an unknown licence, no rows or too many bad ones.
        """
        sources = list(self._settings.sources.values())
        if not sources:
            raise SourceError("params.ingest.sources: none is enabled. Set `enabled: true` on one.")
        for source in sources:
            licences.check(source.name, source.license)
            data_source.check_bytes(source)
        tallies = {source.name: _Bad() for source in sources}
        for passed in pool.run(partial(Door, self._settings), self._shards(sources)):
            for entry in passed.entries:
                tallies[entry.source].add(entry)
                self._take(entry)
            self._contents.merge(passed.contents)
            self._quality.merge(passed.quality)
            self._pii.update(passed.pii)
            seen(len(passed.entries))
        for source in sources:
            tallies[source.name].check(source, self._max_bad_rate)
        self._drop_duplicates()
        self._drop_surplus()

    def write(self, path: Path) -> int:
        """Write the corpus rows in the order of their ids and return their count.

        Raises:
            LineageError: Rows read are not rows written + named exits; names the first.
        """
        self._written = self._spool.write(path, self._gone)
        ledger.check_conserved(self.edges(), self._read, self._written)
        return len(self._written)

    def edges(self) -> Iterator[Edge]:
        """Yield the ledger: each raw row to its corpus row, or out by its exit."""
        yield from self._exits
        for number, name in enumerate(self._names):
            if number in self._gone:
                way, detail = self._gone[number]
                yield Edge(_STAGE, name, exit=way, detail=detail)
            else:
                yield Edge(_STAGE, name, to=self._ids[number])

    def figures(self, summary: ledger.Summary) -> dict[str, Any]:
        """Return the figures of all rows; `pii` is null where redaction is off.

        Raises:
            LineageError: A row of a crisis is gone without an exit.
        """
        severity = dict(self._at_risk)
        # By name and not by id: a milder row of the same id may have left as a duplicate.
        graded = {self._ids[n]: severity.get(self._names[n]) for n in self._best.values()}
        kept = (Graded(row, graded[row]) for row in self._written)
        return {
            **self._contents.figures(),
            "sources": self._sources(),
            "exits": summary.exits,
            "quality": self._quality.figures(),
            "crisis": conservation.account(_STAGE, self._at_risk, self.edges(), kept),
            "pii": self._pii if self._settings.filters is not None else None,
            "ledger": summary,
        }

    def _sources(self) -> dict[str, Any]:
        """Return, for each source, its licence and what became of its rows, by exit."""
        ways: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for edge in self.edges():
            ways[edge.source.partition(":")[0]][edge.exit] += 1
        return {
            name: {
                "license": source.license,
                "rows_read": ways[name].total(),
                "rows_written": ways[name][""],
                "exits": {way: n for way, n in sorted(ways[name].items()) if way},
            }
            for name, source in sorted(self._settings.sources.items())
        }

    def _shards(self, sources: Iterable[Source]) -> Iterator[Sequence[RawRow]]:
        """Yield raw rows some hundreds at a time, fewer where they are long."""
        shard: list[RawRow] = []
        size = 0
        for row in (row for source in sources for row in data_source.named(source)):
            self._read.append(row.name)
            shard.append(row)
            if isinstance(row.row, RawConversation):
                size += sum(len(message.content) for message in row.row.messages)
            if len(shard) == _SHARD_ROWS or size >= _SHARD_CHARS:
                yield shard
                shard, size = [], 0
        if shard:
            yield shard

    def _take(self, entry: Entry) -> None:
        if entry.severity not in {None, Severity.NONE}:
            self._at_risk.append(Graded(entry.name, entry.severity))
        if entry.exit == suppression.EXIT:
            self._forgotten[entry.words] = entry.id
        if entry.exit:
            self._exits.append(Edge(_STAGE, entry.name, exit=entry.exit, detail=entry.detail))
            return
        number = self._spool.add(entry.id, entry.line)
        self._names.append(entry.name)
        self._ids.append(entry.id)
        if entry.words not in self._best:
            self._best[entry.words] = number
            return
        before = self._best[entry.words]
        better, worse = sorted((before, number), key=self._preference)
        self._best[entry.words], self._same[worse] = better, entry.words

    def _preference(self, number: int) -> tuple[int, bool, bool, bytes, int]:
        """Of equal rows the gravest stays, then one with labels, then the first by its bytes."""
        line = self._spool.line(number)
        row = msgspec.json.decode(line, type=_Labelled)
        crisis = row.gold.crisis if row.gold is not None else None
        severity = Severity.NONE if crisis is None else crisis.severity
        return (-severity_rank(severity), crisis is None, row.client is None, line, number)

    def _drop_duplicates(self) -> None:
        for words in self._forgotten.keys() & self._best.keys():
            self._same[self._best[words]] = words
        for number, words in self._same.items():
            forgotten = self._forgotten.get(words)
            way = "duplicate" if forgotten is None else suppression.EXIT
            same = self._ids[self._best[words]] if forgotten is None else forgotten
            self._leave(number, way, f"{self._ids[number]}: same words as {same}")
        for words in self._forgotten:
            self._best.pop(words, None)

    def _drop_surplus(self) -> None:
        """Leave out what is above a source's weight and cap, highest in sha256(seed, id) first."""
        for source in self._settings.sources.values():
            if source.weight == 1.0 and source.cap is None:
                continue
            prefix = f"{source.name}:"
            ranked = sorted(
                (digest.sha256_value([self._seed, self._ids[number]]), number)
                for number in self._best.values()
                if self._names[number].startswith(prefix)
            )
            share = floor(Fraction(str(source.weight)) * len(ranked))
            for place, (_, number) in enumerate(ranked):
                if place >= share:
                    self._leave(number, "not_sampled", f"{self._ids[number]}: above weight")
                elif source.cap is not None and place >= source.cap:
                    self._leave(number, "over_cap", f"{self._ids[number]}: above cap {source.cap}")

    def _leave(self, number: int, way: str, detail: str) -> None:
        self._gone[number] = (way, detail)
        row = msgspec.json.decode(self._spool.line(number), type=Conversation)
        self._contents.add(row, times=-1)
        self._quality.drop(row.source, row.scores or {})


def expected_rows(sources: Iterable[Source]) -> int | None:
    """Return how many rows sources will give, where their lines tell; None where they do not."""
    paths = [source.path for source in sources]
    told = all(path.suffix == ".jsonl" and path.is_file() for path in paths)
    return len(Rows(paths)) if told else None


class _Labelled(msgspec.Struct):
    gold: Gold | None = None
    client: Client | None = None


class _Bad:
    """Counts a source's rows and those of them that are bad."""

    def __init__(self) -> None:
        self._rows = 0
        self._exits: Counter[str] = Counter()
        self._first = ""

    def add(self, entry: Entry) -> None:
        self._rows += 1
        if entry.bad:
            self._exits[entry.exit] += 1
            self._first = self._first or entry.detail

    def check(self, source: Source, max_bad_rate: float) -> None:
        """Check that a source has rows, and few bad ones."""
        if not self._rows:
            raise SourceError(
                f"{source.path}: holds no rows. Give it rows, or set "
                f"params.ingest.sources.{source.name}.enabled to false."
            )
        if self._exits.total() > max_bad_rate * self._rows:
            listed = ", ".join(f"{count} {name}" for name, count in sorted(self._exits.items()))
            raise SourceError(
                f"{source.path}: {self._exits.total()} of {self._rows} rows are bad ({listed}), "
                f"more than params.ingest.max_bad_rate {max_bad_rate} allows; the first: "
                f"{self._first}. Mend the file, or raise the rate."
            )
