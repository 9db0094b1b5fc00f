"""The import closure of each stage, compared with (or written into) dvc.yaml.

DVC does not hash a stage's imports: a filter that changed would leave stale labels. So every stage
declares the package files that its code can import. `python -m tests.house.closure` rewrites them.
"""

import sys
from pathlib import Path
from typing import Any

import grimp
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
MAP = ROOT / "dvc.yaml"
_OWNED = ("caretune/",)
DATA_SUFFIXES = (".yaml", ".jinja", ".css", ".json")
# Not read because code stands beside it, but because params name it: `base` declares it as
# `${base.template}`, so that any other file named there is a dependency too.
NAMED_BY_PARAMS = {"caretune/model/chatml.jinja"}
OBSERVERS = {
    "caretune/lineage/cost.py",
    "caretune/lineage/meter.py",
    "caretune/lineage/odometer.py",
    "caretune/lineage/workspace.py",
    "caretune/monitoring/delivery.py",
    "caretune/monitoring/training_alerts.py",
}
"""Not declared either: they watch a stage and write none of its outputs."""


def module_file(module: str) -> Path | None:
    """Return the file of a module, or None for a package (its __init__ is empty)."""
    path = ROOT / Path(*module.split(".")).with_suffix(".py")
    return path if path.exists() else None


def stage_modules(root: Path = ROOT) -> list[str]:
    """Return the names of all stage modules."""
    return sorted(f"stages.{path.stem}" for path in (root / "stages").glob("[a-z]*.py"))


def expected(stage_module: str, graph: grimp.ImportGraph) -> list[str]:
    """Return the package files a stage must declare, relative to the root, sorted.

    Of caretune/params only the stage's own section counts: the loader checks every section at the
    door, and only values of the own section go further. Data files beside a module count with it,
    save those that params name.
    """
    own_section = f"caretune.params.{stage_module.rsplit('.', 1)[-1]}"
    files: set[Path] = set()
    for module in graph.find_upstream_modules(stage_module):
        if module.startswith("caretune.params") and module != own_section:
            continue
        path = module_file(module)
        if path is None:
            continue
        files.add(path)
        files.update(p for p in path.parent.iterdir() if p.is_file() and p.suffix in DATA_SUFFIXES)
    return sorted(
        {path.relative_to(ROOT).as_posix() for path in files} - NAMED_BY_PARAMS - OBSERVERS
    )


def declared(stage: Any) -> list[str]:
    """Return the package files that a stage of dvc.yaml declares, also those that are gone."""
    return sorted(d for d in stage["deps"] if d.startswith(_OWNED) and not (ROOT / d).is_dir())


def module_of(name: str) -> str:
    """Return the module that runs a DVC stage."""
    return f"stages.{name.replace('-', '_')}"


def build_graph() -> grimp.ImportGraph:
    """Build the import graph of the project's own packages."""
    return grimp.build_graph("caretune", "stages", cache_dir=None)


def rewrite() -> None:
    """Write the expected package files into dvc.yaml, after each stage's own file."""
    yaml = YAML()
    yaml.width = 100
    yaml.indent(mapping=2, sequence=4, offset=2)
    document = yaml.load(MAP)
    graph = build_graph()
    for name, stage in document["stages"].items():
        if any(dep == "caretune" for dep in stage["deps"]):
            continue  # the whole package is declared
        update(stage["deps"], declared(stage), expected(module_of(name), graph))
    yaml.dump(document, MAP)


def update(deps: list[str], old: list[str], new: list[str]) -> None:
    """Make the package files among a stage's dependencies `new`; leave the others as they stand.

    One at a time, because assigning a slice would lose the comments in the list.
    """
    others = [dep for dep in deps if dep not in old]
    for gone in set(old) - set(new):
        deps.remove(gone)
    for place, dep in enumerate([*others, *new]):
        if dep not in deps:
            deps.insert(place, dep)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    rewrite()
