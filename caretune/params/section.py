"""The base of every params section: frozen, strict, finite, no unknown keys."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Rate = Annotated[float, Field(ge=0, le=1)]
PositiveRate = Annotated[float, Field(gt=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """One section of params.yaml; a wrong type or unknown key is a fault, never coerced."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


def check(*claims: tuple[bool, str, str, object]) -> None:
    """Check what values must be to each other.

    Args:
        claims: Whether each holds, the key it is about, what is expected there, and what stands.

    Raises:
        ValueError: One argument for each claim that does not hold, `key: expected ..., got ...`.
    """
    faults = [f"{key}: expected {due}, got {got}" for holds, key, due, got in claims if not holds]
    if faults:
        raise ValueError(*faults)
