"""Where a row came from and everything that it touched, as a tree; no message is ever read.

What was trained on which rows follows from which file a row stands in: a trainer takes all rows of
its file. Everything else is told by the ledger.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from caretune.errors import CaretuneError, LineageError
from caretune.gate import verdict as verdicts
from caretune.lineage import digest, ledger, manifest, suppression
from caretune.lineage.ledger import Edge
from caretune.proof import closure, reading
from caretune.proof.closure import STAGES, Closure
from caretune.proof.project import Project
from caretune.proof.stages import Step, readers

MIN_PREFIX = 8
"""Digits of an id that are enough to name a row, where no other row begins with them."""

_TRAINS_ON_RAW = "filters"
"""Stage that learns from raw files, past the ledger."""
_NAMED_EXIT = re.compile("[0-9a-f]{32}:")
"""How the detail of a row's exit begins where the row could be named."""
_PREFIX = re.compile(f"[0-9a-f]{{{MIN_PREFIX},32}}")


class Node(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing in a tree, and what it leads to."""

    what: str
    """Kind of thing: raw line, row, split, child, exit, model ..."""
    name: str
    note: str = ""
    to: list["Node"] = []


class _Base(msgspec.Struct, frozen=True):
    """What base.json says of the base."""

    kind: str


class _Facts(msgspec.Struct, frozen=True):
    """What a row says of itself, its messages left aside."""

    id: str
    source: str
    license: str
    domain: str | None = None
    family: str | None = None
    operation: dict[str, msgspec.Raw] | None = None

    @property
    def strategy(self) -> str:
        """How a child was made; empty for a row of the corpus."""
        found = self.operation["strategy"] if self.operation else msgspec.Raw(b'""')
        return msgspec.json.decode(found, type=str)


def find(project: Project, name: str) -> str:
    """Return the full name of a row or raw line.

    Args:
        project: Where the ledgers are.
        name: An id, at least the first eight digits of one, or `source:line`.

    Raises:
        LineageError: No ledger knows it, or several rows begin so.
    """
    prefix = _PREFIX.fullmatch(name) is not None
    found = set()
    for stage in STAGES:
        for edge in ledger.stream(project.ledger(stage)):
            for known in (edge.source, edge.to):
                if known == name:
                    return name
                if prefix and known.startswith(name):
                    found.add(known)
    if not found:
        raise LineageError(
            f"{name}: no row, raw line, file or release is called so. Give an id (or its first "
            f"{MIN_PREFIX} digits), source:line, a file of the pipeline, or a release."
        )
    if len(found) > 1:
        raise LineageError(f"{name}: {len(found)} rows begin so. Give more digits of the id.")
    return found.pop()


def row(project: Project, name: str, steps: Sequence[Step]) -> Node:
    """Return the tree of a row: its raw line, everything that it became, and what that reached.

    Args:
        project: Where the files are.
        name: Full id, or `source:line`.
        steps: The pipeline's stages, for what reads a raw file past the ledger.
    """
    before = closure.backward(closure.ledgers(project.pipeline["ledger"]), [name])
    after = closure.forward(closure.ledgers(project.pipeline["ledger"]), [name])
    story = _Story(project, before, after)
    lines = sorted(before.names & {edge.source for edge in story.edges["ingest"]})
    raw = [story.line(line, steps) for line in lines or [name]]
    reached = list(reach(project, sorted(story.touched)))
    return Node("trace", name, to=[*raw, Node("reached", "in the end", to=reached)])


def uses(project: Project, place: str) -> Iterator[Node]:
    """Yield what a file of rows is used for.

    Args:
        project: Where the files are.
        place: split/train, labelled/train, labelled/validation, labelled/test or split/expert.
    """
    adapters = [f"adapter/{name}" for name in _adapters(project)]
    if place == "split/train":
        base = reading.value(project.pipeline["base"] / "base.json", _Base)
        if base is not None and base.kind == "rehearsal":
            yield Node("model", "base", "trained on it")
        else:
            yield Node("model", "base", "a checkpoint: what it was trained on is not known here")
    elif place == "labelled/train":
        yield from (Node("model", name, "trained on it") for name in adapters)
    elif place == "labelled/validation":
        yield from (Node("model", name, "stopped early by it") for name in adapters)
    elif place == "labelled/test":
        yield Node("metrics", "evaluation", "measured on it, and the verdict with them")
    else:
        yield Node("expert set", "split/expert", "for people to score; no score is known here")


def reach(project: Project, touched: Iterable[str]) -> Iterator[Node]:
    """Yield what follows from models and metrics that a row touched: verdict and release."""
    names = list(touched)
    if not any(name.startswith(("base", "adapter", "evaluation", "filters")) for name in names):
        yield Node("nothing", "no model and no metric")
        return
    yield Node("touched", ", ".join(names), to=[verdict(project)])


def verdict(project: Project) -> Node:
    """Return the verdict on the models that are here, and the release that carries it."""
    try:
        judged = verdicts.read(project.pipeline["verdict"])
    except CaretuneError:
        return Node("verdict", "none", "no verdict is here")
    return Node("verdict", judged.result, f"at level {judged.level}", [release(project)])


def release(project: Project) -> Node:
    """Return the release that is here, and whether it was made from the ledgers that are here."""
    try:
        recorded = manifest.read(project.release)
    except LineageError:
        return Node("release", "none", "no release is here")
    note = f"serves base and adapter/{recorded.candidate}"
    if not isinstance(recorded.pipeline, dict):
        note += "; it does not say from which rows it was made, save by the roots of their ledgers"
    elif _ledgers(recorded.pipeline) != digest.sha256_files({"ledger": project.pipeline["ledger"]}):
        note += "; made from other ledgers than those here"
    return Node("release", digest.sha256_file(project.release / manifest.NAME), note)


class _Story:
    """Builds the nodes of one closure; `touched` gathers the models and metrics met on the way."""

    def __init__(self, project: Project, before: Closure, after: Closure) -> None:
        self.touched: set[str] = set()
        self.edges = {stage: [*before.edges[stage], *after.edges[stage]] for stage in STAGES}
        self._project = project
        self._ways = {stage: _by_source(found) for stage, found in self.edges.items()}
        self._facts = _facts(project, before.names | after.names)
        self._split: dict[str, str] = {}

    def line(self, name: str, steps: Sequence[Step]) -> Node:
        """Return a raw line, its row, and the stages past the ledger that read its file."""
        source, _, number = name.rpartition(":")
        path = next((s.path for s in self._project.sources if s.name == source), None)
        where = f"{path} line {number}" if path else "of a source that params do not name"
        ways = self._ways["ingest"].get(name, [])
        past = readers(steps, str(path))
        beside = [
            Node("file read by", step.name, "as a whole; no ledger tells which rows count")
            for step in past
            if step.name not in {"ingest", "release", _TRAINS_ON_RAW}
        ]
        if any(step.name == _TRAINS_ON_RAW for step in past) and any(map(_teaches, ways)):
            self.touched.add("filters")
            beside.append(Node("model", "filters", "trained on it"))
        to = [_left(way) if way.exit else self.row(way.to) for way in ways]
        return Node("raw line", name, where, [*to, *beside])

    def row(self, name: str) -> Node:
        """Return a row of the corpus and its way through split, augment and safety-label."""
        fact = self._facts.get(name)
        note = f"{fact.source}, {fact.license}, {fact.domain}" if fact else "not in the corpus"
        to = []
        for way in self._ways["split"].get(name, []):
            if way.exit:
                to.append(_left(way))
            elif way.to != name:
                to.append(Node("expert example", way.to, to=self._used("split/expert")))
            else:
                used = self._used("split/train") if way.detail == "train" else []
                children = [self._child(made) for made in self._ways["augment"].get(name, [])]
                labelled = self._labelled(name, way.detail)
                to.append(Node("split", way.detail, to=[*used, *labelled, *children]))
        return Node("row", name, note, to)

    def _child(self, made: Edge) -> Node:
        if made.exit:
            return _left(made)
        fact = self._facts.get(made.to)
        note = fact.strategy if fact else "not among the augmented rows"
        return Node("child", made.to, note, self._labelled(made.to, "train"))

    def _labelled(self, name: str, split: str) -> list[Node]:
        return [
            _left(way) if way.exit else Node("labelled", split, to=self._used(f"labelled/{split}"))
            for way in self._ways["safety_label"].get(name, [])
        ]

    def _used(self, place: str) -> list[Node]:
        used = list(uses(self._project, place))
        self.touched |= {node.name for node in used if "not known" not in node.note}
        return used


def _ledgers(pipeline: Mapping[str, str]) -> dict[str, str]:
    return {name: sha256 for name, sha256 in pipeline.items() if name.startswith("ledger/")}


def _left(edge: Edge) -> Node:
    return Node("exit", edge.exit, f"at {edge.stage}" + (f": {edge.detail}" if edge.detail else ""))


def _teaches(way: Edge) -> bool:
    """Tell whether the filters learnt from a raw row that went this way, as `forget` counts it."""
    named = _NAMED_EXIT.match(way.detail) is not None
    return not way.exit or (way.exit != suppression.EXIT and named)


def _by_source(edges: Iterable[Edge]) -> Mapping[str, list[Edge]]:
    found: defaultdict[str, list[Edge]] = defaultdict(list)
    for edge in dict.fromkeys(edges):
        found[edge.source].append(edge)
    return found


def _facts(project: Project, names: frozenset[str]) -> dict[str, _Facts]:
    files = [*project.rows("corpus"), *project.rows("augmented")]
    rows = (row for path in files for row in reading.rows(path, _Facts))
    return {row.id: row for row in rows if row.id in names}


def _adapters(project: Project) -> list[str]:
    folder: Path = project.pipeline["adapters"]
    return sorted(path.name for path in folder.glob("*") if path.is_dir())
