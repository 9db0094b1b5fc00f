"""Every parameter does something."""

import ast
from collections.abc import Iterator

from pydantic import BaseModel

from caretune.params.loader import Params
from tests.house.closure import ROOT


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


def names_read() -> set[str]:
    """Return every attribute read and every argument taken by code outside caretune/params."""
    files = [*ROOT.glob("stages/*.py"), *ROOT.glob("caretune/**/*.py")]
    trees = [ast.parse(path.read_text()) for path in files if "caretune/params" not in str(path)]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return attributes | {node.arg for node in nodes if isinstance(node, ast.arg)}


def test_every_param_is_read_by_a_stage_or_the_service():
    """A knob that turns nothing is a lie."""
    names = dict(leaves(Params))
    assert len(names) > 60
    read = names_read()
    assert [dotted for dotted, name in names.items() if name not in read] == []


def test_an_unread_param_is_noticed():
    """The guard can fail: a name no code reads is not among the attributes read."""
    assert "learning_rate" in names_read()
    assert "learning_rate_of_nothing" not in names_read()
