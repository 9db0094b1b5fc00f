"""Every parameter does something."""

import ast
from collections.abc import Iterable, Iterator

import grimp
import pytest
from pydantic import BaseModel

from caretune.params.loader import Params
from tests.house import closure

COMMANDS = {
    "service": "caretune.service",
    "monitoring": "caretune.cli.monitor",
    "sweep": "caretune.cli.sweep",
}
"""What reads a section that belongs to no stage."""


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield `(dotted name, field name)` of every field that holds a value."""
    for name, field in model.model_fields.items():
        inner = [
            part
            for part in (field.annotation, *getattr(field.annotation, "__args__", ()))
            if isinstance(part, type) and issubclass(part, BaseModel)
        ]
        if inner:
            yield from leaves(inner[0], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", name


def names_read(modules: Iterable[str]) -> set[str]:
    """Return every attribute read and every argument taken by the code of modules."""
    files = [path for path in map(closure.module_file, modules) if path]
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_text()))]
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return attributes | {node.arg for node in nodes if isinstance(node, ast.arg)}


def names_used(section: str, graph: grimp.ImportGraph) -> set[str]:
    """Return the names under which a section's values can be read.

    They are the attributes in the stage's own file (or in that of COMMANDS). Where that hands
    a section on as keyword arguments (`**p.model_dump()`), they are also those of its imports.
    """
    module = COMMANDS.get(section, f"stages.{section}")
    own = {module, *graph.find_descendants(module)}
    read = names_read(own)
    if "model_dump" in read or section in COMMANDS:
        imports = set().union(*(graph.find_upstream_modules(each) for each in own))
        read |= names_read(each for each in imports if not each.startswith("caretune.params"))
    return read


@pytest.fixture(scope="module")
def graph():
    """The import graph, built once."""
    return closure.build_graph()


@pytest.mark.parametrize("section", sorted(Params.model_fields))
def test_every_param_is_read_by_its_stage_or_command(section, graph):
    """A knob that turns nothing is a lie."""
    names = dict(leaves(Params.model_fields[section].annotation))
    assert names
    read = names_used(section, graph)
    assert [dotted for dotted, name in names.items() if name not in read] == []


def test_an_unread_param_is_noticed(graph):
    """The guard can fail: ingest trains nothing and sets no threads."""
    assert "max_bad_rate" in names_used("ingest", graph)
    assert not {"learning_rate", "threads", "warmup_steps"} & names_used("ingest", graph)
    assert "learning_rate_of_nothing" not in names_used("train", graph)
