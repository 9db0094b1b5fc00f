"""Replies are greedy, end where the model ends them, and do not depend on their neighbours."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from caretune.errors import ModelError
from caretune.model import adapter, base, generate
from caretune.records import Message
from tests.fixtures.models import dialogues

ASKED = [row.messages[:1] for row in dialogues(5)]


@pytest.fixture(scope="module")
def tiny(tiny_base: Path) -> base.Loaded:
    """Load the tiny base once."""
    return base.load(tiny_base)


class Script:
    """A model that says given tokens, row by row."""

    device = torch.device("cpu")
    config = SimpleNamespace(max_position_embeddings=512)

    def __init__(self, said: list[list[int]], ends: list[int]) -> None:
        self.generation_config = SimpleNamespace(eos_token_id=ends)
        self._said = said
        self.seen: list[torch.Tensor] = []

    def generate(self, input_ids, attention_mask, max_new_tokens, stopping_criteria):
        """Return the prompt and the scripted tokens, shown one by one to the criteria."""
        self.seen.append(attention_mask)
        said = torch.tensor(self._said[: len(input_ids)])[:, :max_new_tokens]
        for place in range(1, said.shape[1] + 1):
            whole = torch.cat([input_ids, said[:, :place]], dim=1)
            if stopping_criteria(whole, None).all():
                break
        return whole


def test_two_runs_say_the_same(tiny):
    """Equal prompts get equal words."""
    first = generate.replies(tiny.model, tiny.tokenizer, ASKED, 12, 5)
    assert generate.replies(tiny.model, tiny.tokenizer, ASKED, 12, 5) == first


@pytest.mark.parametrize("adapted", [False, True], ids=["base", "moe_lora"])
def test_batch_size_changes_nothing(adapted, tiny_base, tiny_adapters):
    """A reply is the same alone and padded among others, and stands in its asker's place."""
    loaded = base.load(tiny_base)
    model = loaded.model
    if adapted:
        model = adapter.attach(model, tiny_adapters / "moe_lora" / "best")
    alone = generate.replies(model, loaded.tokenizer, ASKED, 12, 1)
    assert generate.replies(model, loaded.tokenizer, ASKED, 12, 5) == alone


def test_end_of_turn_stops_a_reply(tiny):
    """What follows the end is no part of the reply; the end counts as a token."""
    end, pad = tiny.tokenizer.eos_token_id, tiny.tokenizer.pad_token_id
    word = tiny.tokenizer(" and")["input_ids"]
    model = Script([[*word, end] + [pad] * (6 - len(word))], [end])
    reply = generate.replies(model, tiny.tokenizer, ASKED[:1], 8, 1)[0]
    assert (reply.text, reply.tokens, reply.finish_reason) == ("and", len(word) + 1, "stop")


def test_limit_stops_a_reply(tiny):
    """A reply without an end is cut at the limit and says so."""
    model = Script([tiny.tokenizer("and and and")["input_ids"]], [tiny.tokenizer.eos_token_id])
    reply = generate.replies(model, tiny.tokenizer, ASKED[:1], 2, 1)[0]
    assert (reply.tokens, reply.finish_reason) == (2, "length")


def test_padding_stands_on_the_left(tiny):
    """The last place of every prompt is real, so that each reply begins right after it."""
    end = tiny.tokenizer.eos_token_id
    model = Script([[end]] * 5, [end])
    generate.replies(model, tiny.tokenizer, ASKED, 4, 5)
    mask = model.seen[0]
    assert mask[:, -1].tolist() == [1] * 5
    assert mask.sum(1).unique().numel() > 1
    assert (mask.diff(dim=1) >= 0).all()


def test_long_prompt_leaves_room(tiny):
    """A prompt longer than the context loses its oldest turns, not the room for the reply."""
    talk = [m for row in dialogues(12) for m in row.messages] + [Message("user", "and now?")]
    reply = generate.replies(tiny.model, tiny.tokenizer, [talk], 16, 1)[0]
    assert reply.prompt_tokens <= 512 - 16


def test_no_conversations_no_replies(tiny):
    """Nothing asked, nothing said."""
    assert generate.replies(tiny.model, tiny.tokenizer, [], 4, 4) == []


@pytest.mark.parametrize("adapted", [False, True], ids=["base", "moe_lora"])
def test_what_is_heard_is_the_reply(adapted, tiny_base, tiny_adapters):
    """A reply that is heard is the plain one, and the pieces joined are its text."""
    loaded = base.load(tiny_base)
    model = loaded.model
    if adapted:
        model = adapter.attach(model, tiny_adapters / "moe_lora" / "best")
    plain = generate.replies(model, loaded.tokenizer, ASKED, 24, 1)
    for asked, expected in zip(ASKED, plain, strict=True):
        heard = []
        reply = generate.spoken(
            model, loaded.tokenizer, asked, 24, lambda piece, heard=heard: not heard.append(piece)
        )
        assert reply == expected
        assert "".join(heard) == expected.text


def test_words_are_heard_while_the_reply_is_generated(tiny):
    """Each word as soon as the next has begun, none in part."""
    end = tiny.tokenizer.eos_token_id
    ids = tiny.tokenizer("and then after")["input_ids"]
    heard = []
    model = Script([[*ids, end]], [end])
    generate.spoken(model, tiny.tokenizer, ASKED[0], 40, lambda piece: not heard.append(piece))
    assert [piece for piece in heard if piece] == ["and", " then", " after"]


def test_a_listener_who_has_heard_enough_ends_the_generation(tiny):
    """The next token is the last."""
    ids = tiny.tokenizer("and then after that and then after that")["input_ids"]
    heard = []
    model = Script([ids], [tiny.tokenizer.eos_token_id])
    reply = generate.spoken(
        model,
        tiny.tokenizer,
        ASKED[0],
        40,
        lambda piece: heard.append(piece) or "then" not in piece,
    )
    assert "".join(heard) == reply.text == "and then after"[: len(reply.text)]
    assert reply.tokens < len(ids)


def test_words_that_change_after_they_were_heard_are_an_error(tiny):
    """A tokenizer that rewrites earlier text cannot be heard, and says what to do."""

    class Rewriting:
        apply_chat_template = tiny.tokenizer.apply_chat_template
        pad_token_id = tiny.tokenizer.pad_token_id

        def decode(self, ids, skip_special_tokens):
            return "one two" if len(ids) < 3 else "other two"

    model = Script([tiny.tokenizer("and and and and")["input_ids"]], [-1])
    with pytest.raises(ModelError, match="Ask for replies of this base without `stream`"):
        generate.spoken(model, Rewriting(), ASKED[0], 4, lambda _: True)


def test_gates_take_the_routers_place(tiny_base, tiny_adapters):
    """One expert for a whole request: the same heard or not, and no word of another expert."""
    loaded = base.load(tiny_base)
    model = adapter.attach(loaded.model, tiny_adapters / "moe_lora" / "best")
    given = []
    before = model.base_model.routing
    hook = model.base_model.model.register_forward_pre_hook(
        lambda *_: given.append(before.call_gates)
    )
    gates = [0.0, 0.0, 1.0, 0.0, 0.0]
    plain = generate.replies(model, loaded.tokenizer, ASKED[:1], 6, 1, gates)
    heard = generate.spoken(model, loaded.tokenizer, ASKED[0], 6, lambda _: True, gates)
    hook.remove()
    assert plain == [heard]
    assert given
    assert all(seen.tolist() == gates for seen in given)
