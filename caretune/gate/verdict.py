"""The verdict: what the gate says of one candidate at one level. Only `pass` is served."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from caretune.errors import GateError
from caretune.lineage.fingerprint import Fingerprint

Outcome = Literal["pass", "fail", "inconclusive"]
LEVELS = ("rehearsal", "staging", "production")
"""Lowest first; a verdict for one level holds at those before it too."""
HEADINGS = ("rule", "found", "wanted", "n", "needed", "binds", "result")
"""What `cells` are, in order."""


class RuleResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule with what was found; `value` and its interval are differences under a `baseline`."""

    name: str
    metric: str
    version: int
    unit: str
    at: Literal["most", "least"]
    """Whether `threshold` is the most or the least that is good."""
    value: float | None
    low: float | None
    high: float | None
    """The interval's ends; null for an exact count, and where there are too few families."""
    threshold: float
    baseline: str | None
    n: int
    needed_n: int | None
    """Items in all that would probably settle an inconclusive rule; null where none would."""
    binds: bool
    """True where the verdict's level requires this rule."""
    result: Outcome
    detail: str | None = None
    """What is wrong, where a number does not say it."""


class Verdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """verdict.json."""

    level: str
    result: Outcome
    rules: list[RuleResult]
    subjects: dict[str, str]
    """What was judged: base, adapter, filters, split, items, metrics -> sha256."""
    decoding: dict[str, object]
    fingerprint: Fingerprint


def overall(rules: Sequence[RuleResult]) -> Outcome:
    """Return fail if a binding rule fails, else inconclusive if one is, else pass.

    Raises:
        GateError: No rule binds, so nothing would have been required.
    """
    found = {rule.result for rule in rules if rule.binds}
    if not found:
        raise GateError("no rule binds at this level. Set binds_from in params.gate.rules.")
    return "fail" if "fail" in found else "inconclusive" if "inconclusive" in found else "pass"


def binds(level: str, binds_from: str) -> bool:
    """Return whether a rule that binds from one level up is required at `level`."""
    return LEVELS.index(level) >= LEVELS.index(binds_from)


def read(path: Path) -> Verdict:
    """Read a verdict.

    Raises:
        GateError: It is missing, or not a verdict of this version.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Verdict)
    except (FileNotFoundError, msgspec.DecodeError) as error:
        raise GateError(f"{path}: no verdict here ({error}). Run `dvc repro gate`.") from None


def check(verdict: Verdict, level: str) -> None:
    """Check that a verdict lets its candidate be served at a level.

    Raises:
        GateError: It is for a lower level, does not pass, or contradicts its own rules.
    """
    if not binds(verdict.level, level):
        raise GateError(
            f"the verdict is for level {verdict.level}, but {level} is asked for. Set "
            f"params.gate.level to {level} and run `dvc repro`, or serve at a lower level."
        )
    if verdict.result != overall(verdict.rules):
        raise GateError(
            f"the verdict says {verdict.result}, but its rules say {overall(verdict.rules)}: it "
            "was altered. Run `dvc repro gate`."
        )
    if verdict.result != "pass":
        broken = [rule for rule in verdict.rules if rule.binds and rule.result != "pass"]
        named = ", ".join(f"{rule.name} ({rule.result})" for rule in broken)
        raise GateError(f"the verdict is {verdict.result}: {named}. Only a pass is served.")


def check_subjects(verdict: Verdict, found: Mapping[str, str]) -> None:
    """Check that a verdict judged exactly these bytes.

    Args:
        verdict: The verdict.
        found: base, adapter, filters ... -> sha256 of what is here.

    Raises:
        GateError: Names the first subject that is another one.
    """
    for name, sha256 in sorted(found.items()):
        judged = verdict.subjects.get(name, "nothing")
        if judged != sha256:
            raise GateError(
                f"{name} here has sha256 {sha256[:12]}, but the verdict judged {judged[:12]}. Run "
                "`dvc repro gate`."
            )


def cells(rule: RuleResult) -> list[str]:
    """Return a rule as the cells of a table, in the order of `HEADINGS`."""
    metric = rule.metric if rule.baseline is None else f"{rule.metric} - {rule.baseline}"
    return [
        rule.name,
        f"{metric} {interval(rule.value, rule.low, rule.high)}",
        f"{'≤' if rule.at == 'most' else '≥'} {rule.threshold:g}",
        str(rule.n),
        "" if rule.needed_n is None else str(rule.needed_n),
        "yes" if rule.binds else "no",
        rule.result,
    ]


def interval(value: float | None, low: float | None, high: float | None) -> str:
    """Return `value [low, high]` with four digits; nothing measured is said in words."""
    if value is None:
        return "not measured"
    return f"{value:.4g}" + ("" if low is None or high is None else f" [{low:.4g}, {high:.4g}]")
