"""The base of every params section: frozen, strict, finite, no unknown keys."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Rate = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """One section of params.yaml; a wrong type or unknown key is a fault, never coerced."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


def check(*claims: tuple[bool, str]) -> None:
    """Check what values must be to each other.

    Args:
        claims: Whether each holds, and its `key: problem` where it does not.

    Raises:
        ValueError: One argument for each claim that does not hold.
    """
    if faults := [fault for holds, fault in claims if not holds]:
        raise ValueError(*faults)
