"""A conversation as tokens: one template turns messages into ids, in training and in serving.

The template travels with the tokenizer (`chat_template.jinja` beside `tokenizer.json`), so the
bytes that trained a model also prompt it. `check_template` proves of a tokenizer what training and
generation rely on; each check is a fault that others met in silence (the end-of-turn token never
trained, padding taken for an end, another prompt at serving time).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from caretune.errors import ModelError
from caretune.records import Message

_PROBE = (Message("user", "How are you?"), Message("assistant", "Well, thank you."))


class Encoded(NamedTuple):
    """Token ids of a conversation, and which of them a model is trained to say."""

    input_ids: list[int]
    assistant_mask: list[int]
    """1 on the tokens of assistant turns, their end-of-turn token included; else 0."""
    dropped: int
    """Oldest messages left out to fit the length."""
    clipped: bool
    """True where even the last exchange was too long and lost its oldest tokens."""


def read_template(path: Path) -> str:
    """Read a chat template.

    Raises:
        ModelError: There is no such file.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such chat template; set params.base.template to its file.")
    return path.read_text(encoding="utf-8")


def encode(
    tokenizer: Any,
    messages: Sequence[Message],
    max_length: int,
    *,
    add_generation_prompt: bool = False,
) -> Encoded:
    """Encode a conversation into at most `max_length` tokens, cut from the left.

    A long conversation loses whole messages, oldest first, until it begins with a user turn and
    fits; a leading system message stays. Only a last exchange that is too long by itself is cut
    inside a message, at its left.
    """
    kept = list(messages)
    while True:
        ids, mask = _render(tokenizer, kept, add_generation_prompt=add_generation_prompt)
        shorter = _without_oldest(kept)
        if len(ids) <= max_length or shorter is None:
            break
        kept = shorter
    return Encoded(
        ids[-max_length:], mask[-max_length:], len(messages) - len(kept), len(ids) > max_length
    )


def check_template(tokenizer: Any, end_of_turn: str) -> None:
    """Prove that a tokenizer's template can train and serve.

    Raises:
        ModelError: Names the first property that does not hold, and what to change.
    """
    if not tokenizer.chat_template:
        raise ModelError("the tokenizer has no chat template; set params.base.template to one.")
    _check_tokens(tokenizer, end_of_turn)
    ids, mask = _render(tokenizer, _PROBE)
    if not any(mask):
        raise ModelError(
            "the chat template has no {% generation %} marks, so no reply could be trained; put "
            "them around the assistant's content in the file that params.base.template names."
        )
    last = max(place for place, trained in enumerate(mask) if trained)
    if ids[last] != tokenizer.convert_tokens_to_ids(end_of_turn):
        raise ModelError(
            f"the end-of-turn token {end_of_turn} is outside the loss mask, so the model would "
            "never learn to stop; move it before {% endgeneration %} in params.base.template."
        )
    prompt, _ = _render(tokenizer, _PROBE[:1], add_generation_prompt=True)
    if prompt != ids[: mask.index(1)]:
        raise ModelError(
            "the chat template's generation prompt differs from what stands before a trained "
            "reply, so serving would not see what training saw; make them equal in "
            "params.base.template."
        )


def _check_tokens(tokenizer: Any, end_of_turn: str) -> None:
    if end_of_turn not in tokenizer.get_vocab():
        raise ModelError(
            f"the tokenizer has no token {end_of_turn}; set params.base.end_of_turn to the token "
            "that ends a turn, and params.base.template to a template that uses it."
        )
    if tokenizer.pad_token_id is None:
        raise ModelError(
            "the tokenizer has no padding token; set params.base.pad to an unused one."
        )
    ends = {tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(end_of_turn)}
    if tokenizer.pad_token_id in ends:
        raise ModelError(
            f"the padding token {tokenizer.pad_token} also ends a reply, so masking the padding "
            "would mask the end; set params.base.pad to an unused token."
        )


def _without_oldest(messages: list[Message]) -> list[Message] | None:
    """Drop the oldest turns up to the next user turn, or return None where there is none."""
    head = [m for m in messages[:1] if m.role == "system"]
    later = range(len(head) + 1, len(messages))
    start = next((place for place in later if messages[place].role == "user"), None)
    return None if start is None else head + messages[start:]


def _render(
    tokenizer: Any, messages: Sequence[Message], *, add_generation_prompt: bool = False
) -> tuple[list[int], list[int]]:
    rendered = tokenizer.apply_chat_template(
        [{"role": m.role, "content": m.content} for m in messages],
        add_generation_prompt=add_generation_prompt,
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    return rendered["input_ids"], rendered["assistant_masks"]
