"""Response NLL: the model's own loss, whatever the batch."""

import math

import pytest
import torch

from caretune.evaluation import likelihood
from caretune.model import adapter, base, chat
from caretune.records import Message
from tests.fixtures.models import dialogues


@pytest.fixture(scope="module")
def loaded(tiny_base):
    """The tiny base."""
    return base.load(tiny_base)


CONVERSATIONS = [row.messages for row in dialogues(5)]


def score(loaded, conversations, batch_size=8, model=None):
    """Score under the base, or under another model."""
    return likelihood.score(model or loaded.model, loaded.tokenizer, conversations, batch_size)


def test_the_sum_is_the_models_own_loss(loaded):
    """Sum over tokens = tokens x the mean loss that transformers computes on assistant tokens."""
    (found,) = score(loaded, CONVERSATIONS[:1])
    encoded = chat.encode(loaded.tokenizer, CONVERSATIONS[0], 512)
    labels = [
        token if said else -100
        for token, said in zip(encoded.input_ids, encoded.assistant_mask, strict=True)
    ]
    with torch.no_grad():
        loss = loaded.model(
            input_ids=torch.tensor([encoded.input_ids]), labels=torch.tensor([labels])
        ).loss.item()
    assert found.tokens == sum(encoded.assistant_mask)
    assert found.nll_sum == pytest.approx(loss * found.tokens, rel=1e-5)


def test_the_batch_does_not_change_the_score(loaded):
    """One by one or together, padded or not, in the order given."""
    together = score(loaded, CONVERSATIONS, 5)
    alone = [score(loaded, [messages])[0] for messages in CONVERSATIONS]
    for one, other in zip(together, alone, strict=True):
        assert one.tokens == other.tokens
        assert one.nll_sum == pytest.approx(other.nll_sum, rel=1e-5)


def test_an_adapter_changes_the_score(loaded, tiny_base, tiny_adapters):
    """A trained adapter scores its training rows higher than the base does."""
    tuned = adapter.attach(base.load(tiny_base).model, tiny_adapters / "moe_lora/best")
    base_sum, tuned_sum = (
        sum(found.nll_sum for found in score(loaded, CONVERSATIONS, model=model))
        for model in (None, tuned)
    )
    assert tuned_sum < base_sum


def test_nothing_said_is_unscored(loaded):
    """A conversation without an assistant turn has no likelihood, and no zero."""
    (found,) = score(loaded, [[Message("user", "hello")]])
    assert found == (None, 0)


def test_a_long_conversation_is_scored_in_its_last_turns(loaded):
    """What does not fit the context is cut at the left; the score stays finite."""
    (found,) = score(loaded, [CONVERSATIONS[0] * 12])
    assert 0 < found.tokens < 512
    assert math.isfinite(found.nll_sum)
