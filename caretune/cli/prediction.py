"""What `dvc repro` will run when rows are forgotten: the split is tried out in a scratch folder.

Families and cut are computed by the stage itself, with the paths of dvc.yaml put elsewhere: a row
that goes may move others, and nothing else tells which files stay byte for byte.
"""

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import msgspec

from caretune.cli.tree import Tree
from caretune.lineage.suppression import Entry
from caretune.proof import forecast
from caretune.proof.forecast import Fate, Stage
from caretune.proof.forget import Row, Touched


def fates(tree: Tree, entry: Entry, found: Touched) -> dict[str, Fate]:
    """Return stage -> what `dvc repro` does with it once an entry is written.

    It holds for a tree where `dvc repro` had nothing to do before. Where the filters learnt from the
    rows, they judge the others anew, and whether a placeholder in the train split moves by that is
    not known before they have learnt.
    """
    stages = {stage.name: stage for stage in tree.pipeline}
    changed = [tree.suppressed.relative_to(tree.root).as_posix()]
    unchanged: set[str] = set()
    uncertain: set[str] = set()
    corpus = found.rows.get("corpus", [])
    taught = "filters" in found.learnt or (entry.kind == "source" and entry.key in tree.taught)
    if not corpus and not taught:
        # A row of the labelled messages has no place in the corpus; nobody knows it by its id.
        told = entry.kind == "row"
        (uncertain if told else unchanged).update(stages["filters"].outs)
        unchanged.update(() if told else stages["ingest"].outs)
    elif not taught:
        unchanged.update(stages["filters"].outs)
    if corpus:
        same = _same_files(tree, stages["split"], frozenset(corpus))
        split, labelled = tree.places["split/train"], tree.places["labelled/train"]
        for name in same:
            (uncertain if taught else unchanged).add(split.replace("train.jsonl", name))
            if not taught:
                unchanged.add(labelled.replace("train.jsonl", name))
    return forecast.forecast(tree.pipeline, changed, uncertain=uncertain, unchanged=unchanged)


def _same_files(tree: Tree, stage: Stage, gone: frozenset[str]) -> list[str]:
    """Return the files of the split folder that keep their bytes when rows leave the corpus."""
    corpus, split = tree.path("split", "--corpus"), tree.path("split", "--out")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _without(corpus, folder / corpus.name, gone)
        words = shlex.split(tree.described["stages"]["split"]["cmd"])
        moved = {path: folder / path for path in stage.outs} | {
            corpus.relative_to(tree.root).as_posix(): folder / corpus.name
        }
        command = [sys.executable, *(str(moved.get(word, word)) for word in words[1:])]
        done = subprocess.run(command, cwd=tree.root, capture_output=True, check=False)
        if done.returncode != 0:  # the split would be refused: nothing is known to stay
            return []
        tried = folder / split.relative_to(tree.root)
        return [
            path.name
            for path in sorted(split.glob("*.jsonl"))
            if path.read_bytes() == (tried / path.name).read_bytes()
        ]


def _without(path: Path, out: Path, gone: frozenset[str]) -> None:
    """Write the lines of a file whose rows stay, byte for byte."""
    decoder = msgspec.json.Decoder(Row)
    with path.open("rb") as file, out.open("wb") as kept:
        kept.writelines(line for line in file if decoder.decode(line).id not in gone)


def listed(found: dict[str, Fate], fate: Fate) -> str:
    """Return the stages of one fate, in the order of the map."""
    return ", ".join(_names(found, fate)) or "none"


def _names(found: dict[str, Fate], fate: Fate) -> Iterable[str]:
    return (name for name, said in found.items() if said == fate)
