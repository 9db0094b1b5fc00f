"""Replies of a model: greedy, so that equal prompts on an equal machine give equal words."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch

from caretune.model import chat
from caretune.records import Message


class Reply(NamedTuple):
    """One generated reply."""

    text: str
    tokens: int
    """Tokens generated, the end-of-turn token included."""
    finish_reason: Literal["stop", "length"]
    """`stop`: the model ended its turn; `length`: it was cut at the limit."""
    prompt_tokens: int


def replies(
    model: Any,
    tokenizer: Any,
    conversations: Sequence[Sequence[Message]],
    max_new_tokens: int,
    batch_size: int,
) -> list[Reply]:
    """Generate the next assistant turn of each conversation, in the order given.

    Args:
        model: A loaded base, or an adapter on one.
        tokenizer: The base's tokenizer.
        conversations: Each ends in a user turn; a prompt too long for the model's context loses
            its oldest turns.
        max_new_tokens: Longest reply, in tokens.
        batch_size: Conversations a forward pass, grouped by length to waste little padding.
    """
    room = model.config.max_position_embeddings - max_new_tokens
    prompts = [
        chat.encode(tokenizer, messages, room, add_generation_prompt=True).input_ids
        for messages in conversations
    ]
    order = sorted(range(len(prompts)), key=lambda place: (len(prompts[place]), place))
    found: dict[int, Reply] = {}
    for start in range(0, len(order), batch_size):
        places = order[start : start + batch_size]
        batch = _generate(model, tokenizer, [prompts[place] for place in places], max_new_tokens)
        found.update(zip(places, batch, strict=True))
    return [found[place] for place in range(len(prompts))]


@torch.inference_mode()
def _generate(
    model: Any, tokenizer: Any, prompts: list[list[int]], max_new_tokens: int
) -> list[Reply]:
    """Generate for one batch, padded on the left so that every reply begins at one place."""
    width = max(len(ids) for ids in prompts)
    pad = tokenizer.pad_token_id
    padded = [[pad] * (width - len(ids)) + ids for ids in prompts]
    mask = [[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts]
    output = model.generate(
        input_ids=torch.tensor(padded, device=model.device),
        attention_mask=torch.tensor(mask, device=model.device),
        max_new_tokens=max_new_tokens,
    )
    ends = set(model.generation_config.eos_token_id)
    return [
        _reply(tokenizer, ids, len(prompt), ends)
        for ids, prompt in zip(output[:, width:].tolist(), prompts, strict=True)
    ]


def _reply(tokenizer: Any, ids: list[int], prompt_tokens: int, ends: set[int]) -> Reply:
    stop = next((place for place, token in enumerate(ids) if token in ends), None)
    said = ids if stop is None else ids[:stop]
    return Reply(
        text=tokenizer.decode(said, skip_special_tokens=True).strip(),
        tokens=len(said) if stop is None else len(said) + 1,
        finish_reason="length" if stop is None else "stop",
        prompt_tokens=prompt_tokens,
    )
