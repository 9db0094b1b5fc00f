"""Parameters of `caretune sweep`: what is tried, how often, and what it may take."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from caretune.params.section import Count, Positive, PositiveFloat, Section, check

_Choices = Annotated[list[bool | int | float | str], Field(min_length=1)]


class Range(Section):
    """The numbers from `low` to `high`, both included; whole ends give whole numbers."""

    low: int | float
    high: int | float
    log: bool
    """Equal ratios are equally likely, for what works over orders of magnitude."""
    points: Annotated[int, Field(ge=2)]
    """Values that a grid takes from it, evenly spread."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        check(
            (self.low < self.high, "high", f"more than low {self.low}", self.high),
            (not self.log or self.low > 0, "low", "more than 0 where log is true", self.low),
        )
        return self


class Sweep(Section):
    """A search for better values of `train`, scored on the validation split."""

    trials: Positive
    """Trainings in all, the one with the present values included; a retry is not counted."""
    startup_trials: Count
    """Of `tpe`: trials at random before the first that learns from the others."""
    seed: Count
    metric: str
    """Figure of models/adapter/moe_lora/training.json, measured on the validation split."""
    direction: Literal["minimize", "maximize"]
    max_cost_usd: PositiveFloat | None
    """US dollars of all trials together, by train.prices_usd_per_hour; null: no limit."""
    window_hours: PositiveFloat | None
    """Hours of one call of the command; null: no limit."""
    space: Annotated[dict[str, Range | _Choices], Field(min_length=1)]
    """Dotted name of a value of `train` -> what it may be."""
