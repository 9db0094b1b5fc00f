"""Pattern files: readable YAML in, plain checked patterns out, each proved by its own examples.

A file names its `family`, its `sources`, its `words` (pieces that `{name}` in a pattern stands for)
and its `patterns`. The loader expands the words; the bundle stores the expanded patterns.
"""

import re
from pathlib import Path
from typing import Any

import msgspec
from ruamel.yaml import YAML

from caretune.errors import FilterError
from caretune.safety.taxonomy import C_SSRS, CrisisType, severity_rank

FAMILIES = (
    "appropriateness",
    "bias",
    "crisis",
    "methods",
    "modifiers",
    "others",
    "pii",
    "toxicity",
)
_WORD = re.compile(r"\{([a-z]+)\}")
_STEPS = {
    "desire": "wish to be dead",
    "method": "method",
    "means": "method",
    "plan": "plan",
    "behaviour": "behaviour",
}
"""The step of the C-SSRS screener that a component is a sign of."""


class Pattern(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One pattern; `type`, `component` and `weight` mean what the head of its file says."""

    name: str
    family: str
    type: str
    component: str
    weight: int
    pattern: str
    source: str
    case_sensitive: bool = False
    matches: list[str] = []
    rejects: list[str] = []

    def compile(self) -> re.Pattern[str]:
        """Compile the expression: for the folded view, which is lower-case ASCII, or as written."""
        return re.compile(self.pattern, 0 if self.case_sensitive else re.ASCII)


def load(folder: Path) -> list[Pattern]:
    """Read every pattern family of a folder, sorted by family and name, examples proved.

    Raises:
        FilterError: A file is missing or wrong, a name stands twice, an example fails, or a sign of
            suicide weighs less than the C-SSRS screener allows.
    """
    found = [pattern for family in FAMILIES for pattern in _read(folder / f"{family}.yaml")]
    names = [pattern.name for pattern in found]
    for name in names:
        if names.count(name) > 1:
            raise FilterError(f"{folder}: pattern {name} stands twice. Rename one of the two.")
    for pattern in found:
        prove(pattern)
        _screen(pattern)
    return sorted(found, key=lambda pattern: (pattern.family, pattern.name))


def prove(pattern: Pattern) -> None:
    """Check one pattern against its own examples.

    Raises:
        FilterError: An example that should match does not, or one that should not does.
    """
    compiled = pattern.compile()
    wanted = [(text, True) for text in pattern.matches] + [
        (text, False) for text in pattern.rejects
    ]
    for number, (text, expected) in enumerate(wanted, start=1):
        seen = text if pattern.case_sensitive else text.lower()
        if (compiled.search(seen) is not None) is not expected:
            verb = "does not match" if expected else "matches"
            raise FilterError(
                f"pattern {pattern.name} of {pattern.family}.yaml {verb} its example {number}. "
                "Mend the pattern or the example."
            )


def _screen(pattern: Pattern) -> None:
    """Refuse a sign of suicide that weighs more than one step less than its step of the screener.

    One step less is for what may be long ago or another's.
    """
    step = _STEPS.get(pattern.component)
    if pattern.type != CrisisType.SUICIDAL_IDEATION or step is None:
        return
    least = max(severity_rank(C_SSRS[step]) - 1, 1)
    if pattern.weight < least:
        raise FilterError(
            f"pattern {pattern.name} of {pattern.family}.yaml weighs {pattern.weight}, and a sign of "
            f"{step} at least {least}. Raise its weight."
        )


def _read(path: Path) -> list[Pattern]:
    try:
        content: dict[str, Any] = YAML(typ="safe", pure=True).load(path)
    except FileNotFoundError:
        raise FilterError(f"{path}: no such pattern file. Restore it from git.") from None
    words = _expand_words(content.get("words", {}))
    patterns = []
    for entry in content["patterns"]:
        if entry["source"] not in content["sources"]:
            raise FilterError(f"{path}: {entry['name']} names no source of this file's `sources`.")
        expression = _expand(entry["pattern"], words, path, entry["name"])
        values = {
            **entry,
            "pattern": expression,
            "family": content["family"],
            "case_sensitive": content.get("case_sensitive", False),
        }
        patterns.append(msgspec.convert(values, Pattern))
    return patterns


def _expand_words(words: dict[str, str]) -> dict[str, str]:
    expanded: dict[str, str] = {}
    for name, piece in words.items():
        expanded[name] = _WORD.sub(lambda match: expanded[match.group(1)], piece)
    return expanded


def _expand(expression: str, words: dict[str, str], path: Path, name: str) -> str:
    for word in _WORD.findall(expression):
        if word not in words:
            raise FilterError(f"{path}: {name} uses {{{word}}}, which its `words` do not name.")
    return _WORD.sub(lambda match: words[match.group(1)], expression)
