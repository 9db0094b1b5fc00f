"""Where things are: read from dvc.yaml, the only file that knows paths."""

import itertools
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from caretune.errors import ParamsError
from caretune.params import loader
from caretune.proof.stages import Step


def path(stage: str, option: str, root: Path = Path()) -> Path:
    """Return the path that dvc.yaml passes to a stage as `--option`.

    Raises:
        ParamsError: There is no dvc.yaml here, or it has no such stage or option.
    """
    return paths(stage, option, root)[0]


def paths(stage: str, option: str, root: Path = Path()) -> list[Path]:
    """Return all paths that dvc.yaml passes to a stage as `--option`, in their order.

    Raises:
        ParamsError: There is no dvc.yaml here, or it has no such stage or option.
    """
    file = root / "dvc.yaml"
    stages = loader.read_yaml(file)["stages"]
    words = shlex.split(stages[stage]["cmd"]) if stage in stages else []
    found = [root / word for name, word in itertools.pairwise(words) if name == option]
    if not found:
        raise ParamsError(str(file), [f"stages.{stage}.cmd: no option {option}"])
    return found


def steps(root: Path = Path()) -> list[Step]:
    """Return the stages of dvc.yaml in its order, one for each item of a matrix, named as DVC does."""
    found = []
    for name, stage in loader.read_yaml(root / "dvc.yaml")["stages"].items():
        for item in _items(stage.get("matrix", {})):
            label = f"{name}@{'-'.join(item.values())}" if item else name
            writes = [*stage.get("outs", []), *stage.get("metrics", [])]
            found.append(Step(label, _filled(stage["deps"], item), _filled(writes, item)))
    return found


def _items(matrix: Mapping[str, list[str]]) -> Iterator[dict[str, str]]:
    for values in itertools.product(*matrix.values()):
        yield dict(zip(matrix, values, strict=True))


def _filled(entries: list[Any], item: Mapping[str, str]) -> list[str]:
    """Return the paths of deps or outs, which may be maps of a path to its settings."""
    names = [next(iter(entry)) if isinstance(entry, Mapping) else str(entry) for entry in entries]
    for key, value in item.items():
        names = [name.replace(f"${{item.{key}}}", value) for name in names]
    return names
