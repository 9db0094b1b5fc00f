"""The words of labels, their meanings, and the order of severities."""

import ast
import re
from pathlib import Path

import pytest

from caretune.safety import taxonomy
from caretune.safety.taxonomy import C_SSRS, SEVERITIES, severity_rank

_DOCS = Path(__file__).parents[3] / "docs/safety.md"


def test_every_member_says_what_it_means():
    """Under each of the words stands a sentence of its own."""
    tree = ast.parse(Path(taxonomy.__file__).read_text(encoding="utf-8"))
    bodies = {node.name: node.body for node in tree.body if isinstance(node, ast.ClassDef)}
    members = [
        (f"{name}.{node.targets[0].id}", after)
        for name, body in bodies.items()
        for node, after in zip(body, [*body[1:], None], strict=True)
        if isinstance(node, ast.Assign)
    ]
    assert len(members) > 70
    assert [name for name, after in members if not isinstance(after, ast.Expr)] == []


def test_the_ladder_never_grows_milder():
    """A later step of the C-SSRS screener is at least as grave."""
    ranks = [severity_rank(severity) for severity in C_SSRS.values()]
    assert ranks == sorted(ranks)
    assert (ranks[0], ranks[-1]) == (1, 4)


def test_the_documents_tell_the_same_ladder():
    """docs/safety.md names every step with its severity, in this order."""
    section = _DOCS.read_text(encoding="utf-8").partition("## The protocol table")[2]
    table = re.compile(r"^\| (\w[\w ]*) \| (low|moderate|high|imminent) \|", re.MULTILINE)
    rows = table.findall(section.partition("\n## ")[0])
    assert dict(rows) == C_SSRS
    assert [step for step, _ in rows] == list(C_SSRS)


def test_ranks_follow_the_ladder():
    """None is 0, imminent is 4."""
    assert [severity_rank(word) for word in SEVERITIES] == [0, 1, 2, 3, 4]


def test_unscored_ranks_as_high():
    """What was not measured is treated as grave, never as none."""
    assert severity_rank("unscored") == severity_rank("high")


def test_an_unknown_word_is_refused():
    """A typo is no severity."""
    with pytest.raises(ValueError, match="grave"):
        severity_rank("grave")
