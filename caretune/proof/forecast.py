"""Which stages run again when some files change: the map of the pipeline, walked forward."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

Fate = Literal["runs", "may run", "stays"]


class Stage(NamedTuple):
    """A stage of the map, with every path that it reads and writes."""

    name: str
    deps: tuple[str, ...]
    outs: tuple[str, ...]


def stages(described: Mapping[str, Any]) -> list[Stage]:
    """Return the stages of a dvc.yaml, those of a matrix one by one as DVC names them."""
    found = []
    for name, stage in described["stages"].items():
        ends = tuple(
            tuple(path for key in keys for path in _paths(stage.get(key, [])))
            for keys in (("deps",), ("outs", "metrics", "plots"))
        )
        matrix = stage.get("matrix")
        if matrix is None:
            found.append(Stage(name, *ends))
            continue
        ((key, values),) = matrix.items()  # one axis is all this pipeline has
        for value in values:
            deps, outs = (
                tuple(path.replace(f"${{item.{key}}}", str(value)) for path in paths)
                for paths in ends
            )
            found.append(Stage(f"{name}@{value}", deps, outs))
    return found


def forecast(
    pipeline: Sequence[Stage],
    changed: Iterable[str],
    *,
    uncertain: Iterable[str] = (),
    unchanged: Collection[str] = frozenset(),
) -> dict[str, Fate]:
    """Return stage -> what `dvc repro` does with it, on a tree where nothing else is to do.

    A stage runs where a file that it reads changes; what it writes then changes too, unless known
    better.

    Args:
        pipeline: All stages.
        changed: Files that change.
        uncertain: Files of which nobody knows whether they change.
        unchanged: Files that keep their bytes though the stage that writes them, or their folder,
            runs.
    """
    fates: dict[str, Fate] = {}
    sure, unsure = set(changed), set(uncertain)
    before = -1
    while before != len(sure) + len(unsure):  # the stages may stand in any order
        before = len(sure) + len(unsure)
        for stage in pipeline:
            if _reads(stage, sure, {*unchanged, *unsure}):
                fates[stage.name] = "runs"
                sure |= {*stage.outs} - {*unchanged} - unsure
            elif _reads(stage, unsure, unchanged):
                fates[stage.name] = "may run"
                unsure |= {*stage.outs} - {*unchanged} - sure
            else:
                fates[stage.name] = "stays"
    return fates


def _reads(stage: Stage, files: Iterable[str], unchanged: Collection[str]) -> bool:
    return any(
        dep not in unchanged
        and (dep == file or dep.startswith(f"{file}/") or file.startswith(f"{dep}/"))
        for dep in stage.deps
        for file in files
    )


def _paths(ends: Iterable[str | Mapping[str, Any]]) -> Iterable[str]:
    """Yield the paths of a list in dvc.yaml, where each is a word or a mapping of one."""
    for end in ends:
        yield end if isinstance(end, str) else next(iter(end))
