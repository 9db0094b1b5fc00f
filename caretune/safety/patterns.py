"""Pattern files: readable YAML in, plain checked patterns out, each proved by its own examples.

A file names its `family`, its `sources`, its `words` (pieces that `{name}` in a pattern stands for)
and its `patterns`. The loader expands the words; the bundle stores the expanded patterns.
"""

import re
from pathlib import Path
from typing import Any

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

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


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pattern file as it is written."""

    family: str
    sources: dict[str, str]
    patterns: list[dict[str, Any]]
    words: dict[str, str] = {}
    case_sensitive: bool = False


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
        FilterError: It is no regular expression, an example that should match does not, or one that
            should not does.
    """
    try:
        compiled = pattern.compile()
    except re.error as error:
        raise FilterError(
            f"pattern {pattern.name} of {pattern.family}.yaml is no regular expression: {error}. "
            "Mend it."
        ) from None
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
        file = msgspec.convert(YAML(typ="safe", pure=True).load(path), _File)
        whole = {"family": file.family, "case_sensitive": file.case_sensitive}
        entries = {"patterns": [{**entry, **whole} for entry in file.patterns]}
        patterns = msgspec.convert(entries, dict[str, list[Pattern]])["patterns"]
    except FileNotFoundError:
        raise FilterError(f"{path}: no such pattern file. Restore it from git.") from None
    except (YAMLError, msgspec.ValidationError) as error:
        raise FilterError(f"{path}: {error}. Mend the file.") from None
    words: dict[str, str] = {}
    for name, piece in file.words.items():
        words[name] = _expand(piece, words, path, name)
    for pattern in patterns:
        if pattern.source not in file.sources:
            raise FilterError(
                f"{path}: {pattern.name} names no source of this file's `sources`. Add it there."
            )
    return [
        msgspec.structs.replace(
            pattern, pattern=_expand(pattern.pattern, words, path, pattern.name)
        )
        for pattern in patterns
    ]


def _expand(expression: str, words: dict[str, str], path: Path, name: str) -> str:
    for word in _WORD.findall(expression):
        if word not in words:
            raise FilterError(
                f"{path}: {name} uses {{{word}}}, which its `words` do not name before. Add it."
            )
    return _WORD.sub(lambda match: words[match.group(1)], expression)
