"""The base of every params section: frozen, strict, no unknown keys."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Rate = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """One section of params.yaml; a wrong type or unknown key is a fault, never coerced."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
