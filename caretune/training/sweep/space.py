"""The values that a sweep may try, and the points of a grid over them."""

import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

Value = bool | int | float | str


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`, both included; whole ends give whole numbers."""

    low: int | float
    high: int | float
    log: bool
    """Equal ratios are equally likely."""
    points: int
    """Values that a grid takes from it."""

    @property
    def whole(self) -> bool:
        """Whether it holds whole numbers only."""
        return isinstance(self.low, int) and isinstance(self.high, int)


Domain = Range | Sequence[Value]
Space = Mapping[str, Domain]


def distribution(domain: Domain) -> BaseDistribution:
    """Return what Optuna draws a value from."""
    if not isinstance(domain, Range):
        return CategoricalDistribution(list(domain))
    if domain.whole:
        return IntDistribution(int(domain.low), int(domain.high), log=domain.log)
    return FloatDistribution(domain.low, domain.high, log=domain.log)


def values(domain: Domain) -> list[Value]:
    """Return the values that a grid takes, in order, each once; ends included."""
    if not isinstance(domain, Range):
        return list(domain)
    found: list[Value] = []
    for place in range(domain.points):
        share = place / (domain.points - 1)
        value = _between(domain, share)
        if value not in found:
            found.append(value)
    return found


def holds(domain: Domain, value: Value) -> bool:
    """Tell whether a value may be drawn; 1 is no `true`, and a whole range holds no 1.5."""
    if not isinstance(domain, Range):
        return any(type(value) is type(one) and value == one for one in domain)
    if isinstance(value, bool | str) or (domain.whole and not isinstance(value, int)):
        return False
    return domain.low <= value <= domain.high


def grid(space: Space, seed: int) -> list[dict[str, Value]]:
    """Return every point of a grid, in an order that depends on the seed and the points alone.

    Shuffled, so that a grid cut short has seen all of the space and not one corner of it.
    """
    names = sorted(space)
    points = [
        dict(zip(names, point, strict=True))
        for point in itertools.product(*(values(space[name]) for name in names))
    ]
    return sorted(points, key=lambda point: _rank(seed, point))


def _between(domain: Range, share: float) -> int | float:
    if share in {0.0, 1.0}:
        return domain.high if share else domain.low
    if domain.log:
        value = math.exp((1 - share) * math.log(domain.low) + share * math.log(domain.high))
    else:
        value = (1 - share) * domain.low + share * domain.high
    # Six digits: what stands in params.yaml can be read, and is the value that was tried.
    return round(value) if domain.whole else float(f"{value:.6g}")


def _rank(seed: int, point: Mapping[str, Value]) -> bytes:
    told = msgspec.json.encode([seed, dict(point)], order="sorted")
    return hashlib.sha256(told).digest()
