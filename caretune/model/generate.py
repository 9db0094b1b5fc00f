"""Replies of a model: greedy, so that equal prompts on an equal machine give equal words."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from transformers import StoppingCriteria, StoppingCriteriaList

from caretune.errors import ModelError
from caretune.model import chat
from caretune.records import Message

Hear = Callable[[str], bool]
"""Takes the next words of a reply while it is generated; False ends the generation."""


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
    gates: Sequence[float] | None = None,
) -> list[Reply]:
    """Generate the next assistant turn of each conversation, in the order given.

    Args:
        model: A loaded base, or an adapter on one.
        tokenizer: The base's tokenizer.
        conversations: Each ends in a user turn; a prompt too long for the model's context loses
            its oldest turns.
        max_new_tokens: Longest reply, in tokens.
        batch_size: Conversations a forward pass, grouped by length to waste little padding.
        gates: One gate an expert, in place of what a MoE-LoRA's routers choose.
    """
    prompts = [_prompt(model, tokenizer, asked, max_new_tokens) for asked in conversations]
    order = sorted(range(len(prompts)), key=lambda place: (len(prompts[place]), place))
    found: dict[int, Reply] = {}
    for start in range(0, len(order), batch_size):
        places = order[start : start + batch_size]
        batch = _generate(
            model, tokenizer, [prompts[place] for place in places], max_new_tokens, gates
        )
        found.update(zip(places, batch, strict=True))
    return [found[place] for place in range(len(prompts))]


def spoken(
    model: Any,
    tokenizer: Any,
    messages: Sequence[Message],
    max_new_tokens: int,
    hear: Hear,
    gates: Sequence[float] | None = None,
) -> Reply:
    """Generate one reply as `replies` does, and let it be heard word by word.

    Args:
        model: A loaded base, or an adapter on one.
        tokenizer: The base's tokenizer.
        messages: Ends in a user turn.
        max_new_tokens: Longest reply, in tokens.
        hear: Gets pieces, some of them empty, that joined are the reply's text.
        gates: As in `replies`.

    Raises:
        ModelError: The tokenizer's words changed after they were heard.
    """
    prompt = _prompt(model, tokenizer, messages, max_new_tokens)
    ears = _Ears(tokenizer, set(model.generation_config.eos_token_id), len(prompt), hear)
    reply = _generate(model, tokenizer, [prompt], max_new_tokens, gates, [ears])[0]
    ears.tell(reply.text)
    return reply


class _Ears(StoppingCriteria):
    """Tells a listener every word but the last, which the next token may still change.

    Args:
        tokenizer: The base's tokenizer.
        ends: Tokens that end a reply.
        prompt_tokens: Tokens before the reply.
        hear: The listener.
    """

    def __init__(self, tokenizer: Any, ends: set[int], prompt_tokens: int, hear: Hear) -> None:
        self._tokenizer, self._ends, self._hear = tokenizer, ends, hear
        self._prompt_tokens = prompt_tokens
        self._told = ""

    def __call__(self, input_ids: Tensor, _scores: Any, **_: Any) -> Tensor:
        """Tell what is new, and return whether the listener has heard enough, `(1,)`."""
        ids = input_ids[0, self._prompt_tokens :].tolist()
        words = _reply(self._tokenizer, ids, self._prompt_tokens, self._ends).text.rsplit(None, 1)
        goes_on = self.tell(words[0] if len(words) > 1 else "")
        return torch.tensor([not goes_on], device=input_ids.device)

    def tell(self, text: str) -> bool:
        """Tell what of a text has not been told, and return whether to go on."""
        if not text.startswith(self._told):
            raise ModelError(
                "the tokenizer changed the text of tokens that were heard. Ask for replies of this "
                "base without `stream`."
            )
        new, self._told = text[len(self._told) :], text
        return self._hear(new)


def _prompt(
    model: Any, tokenizer: Any, messages: Sequence[Message], max_new_tokens: int
) -> list[int]:
    room = model.config.max_position_embeddings - max_new_tokens
    return chat.encode(tokenizer, messages, room, add_generation_prompt=True).input_ids


@torch.inference_mode()
def _generate(
    model: Any,
    tokenizer: Any,
    prompts: list[list[int]],
    max_new_tokens: int,
    gates: Sequence[float] | None = None,
    criteria: Sequence[StoppingCriteria] = (),
) -> list[Reply]:
    """Generate for one batch, padded on the left so that every reply begins at one place."""
    width = max(len(ids) for ids in prompts)
    pad = tokenizer.pad_token_id
    padded = [[pad] * (width - len(ids)) + ids for ids in prompts]
    mask = [[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts]
    # A base and a plain LoRA know no such keyword.
    given = {} if gates is None else {"expert_gates": torch.tensor(gates)}
    output = model.generate(
        input_ids=torch.tensor(padded, device=model.device),
        attention_mask=torch.tensor(mask, device=model.device),
        max_new_tokens=max_new_tokens,
        stopping_criteria=StoppingCriteriaList(criteria),
        **given,
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
