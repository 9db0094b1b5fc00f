"""Parameters of the service."""

from typing import Annotated, Literal

from pydantic import Field

from caretune.params.gate import Level
from caretune.params.section import Positive, PositiveFloat, Section


class Service(Section):
    """What is served, and within which limits."""

    release: str
    """Folder of the release, relative to the project root."""
    level: Level
    """Lowest verdict level that may be served."""
    routing: Literal["token", "domain"]
    """Who picks the experts of a MoE-LoRA: its routers for each token, or for a whole request the
    filters (a risk) and the domain classifier, so that every answer can name its one expert."""
    max_new_tokens: Positive
    """Longest generated reply, in tokens."""
    max_turns: Positive
    """Most messages a request may hold."""
    max_body_bytes: Positive
    events: Annotated[str, Field(min_length=1)] | None
    """Log to which one event a decision is appended, relative to the project root; null: none."""
    locale: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None
    """Country whose crisis lines a reply names ("IE"); null: the lines for where it is not known."""
    threads: Positive
    """CPU threads of the model."""
    timeout_s: PositiveFloat
    """A reply that takes longer is refused with 504."""
