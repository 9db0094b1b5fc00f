"""A conversation becomes the same tokens in training and in serving, within a length."""

from pathlib import Path

import pytest

from caretune.errors import ModelError
from caretune.model import base, chat
from caretune.records import Message
from tests.fixtures.models import END_OF_TURN, TEMPLATE

TALK = [
    Message("user", "I sleep badly."),
    Message("assistant", "Since when?"),
    Message("user", "Since the move."),
    Message("assistant", "What changed with it?"),
]


@pytest.fixture
def tokenizer(tiny_base: Path):
    """Load a fresh tokenizer, so that a test may change it."""
    return base.load(tiny_base).tokenizer


def _trained(tokenizer, encoded: chat.Encoded) -> str:
    pairs = zip(encoded.input_ids, encoded.assistant_mask, strict=True)
    return tokenizer.decode([token for token, trained in pairs if trained])


def test_only_replies_are_trained(tokenizer):
    """The mask covers each reply and the token that ends it, and nothing else."""
    encoded = chat.encode(tokenizer, TALK, 512)
    assert _trained(tokenizer, encoded) == (
        f"Since when?{END_OF_TURN}What changed with it?{END_OF_TURN}"
    )


def test_prompt_is_prefix_of_row(tokenizer):
    """What serving sends is, token for token, what stood before the reply in training."""
    row = chat.encode(tokenizer, TALK, 512)
    prompt = chat.encode(tokenizer, TALK[:3], 512, add_generation_prompt=True)
    assert row.input_ids[: len(prompt.input_ids)] == prompt.input_ids
    assert row.assistant_mask[len(prompt.input_ids)] == 1


def test_white_space_around_text_changes_nothing(tokenizer):
    """A reply that begins with a line break keeps its boundary with the prompt."""
    spaced = [Message(m.role, f"\n {m.content} \n") for m in TALK]
    assert chat.encode(tokenizer, spaced, 512) == chat.encode(tokenizer, TALK, 512)


def test_long_row_loses_its_oldest_turns(tokenizer):
    """A cut falls between messages, and the row begins with a user turn again."""
    whole = chat.encode(tokenizer, TALK, 512)
    cut = chat.encode(tokenizer, TALK, len(whole.input_ids) - 1)
    assert cut.input_ids == chat.encode(tokenizer, TALK[2:], 512).input_ids
    assert (cut.dropped, cut.clipped) == (2, False)


def test_system_message_stays(tokenizer):
    """A leading system message outlives the turns after it."""
    system = Message("system", "Be kind.")
    whole = chat.encode(tokenizer, [system, *TALK], 512)
    cut = chat.encode(tokenizer, [system, *TALK], len(whole.input_ids) - 1)
    assert cut.input_ids == chat.encode(tokenizer, [system, *TALK[2:]], 512).input_ids
    assert cut.dropped == 2


def test_last_exchange_is_clipped_at_its_left(tokenizer):
    """An exchange that is too long by itself keeps its end, which is what is trained."""
    cut = chat.encode(tokenizer, TALK, 8)
    assert cut.input_ids == chat.encode(tokenizer, TALK, 512).input_ids[-8:]
    assert (len(cut.input_ids), cut.clipped) == (8, True)


def test_own_template_passes(tokenizer):
    """The template that ships trains and serves."""
    chat.check_template(tokenizer, END_OF_TURN)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param(TEMPLATE, "", "the tokenizer has no chat template", id="no template"),
        pytest.param(
            "{%- generation -%}", "", "has no {% generation %} marks", id="no generation marks"
        ),
        pytest.param(
            " + '<|im_end|>' -}}{%- endgeneration -%}",
            " -}}{%- endgeneration -%}{{- '<|im_end|>' -}}",
            "end-of-turn token <|im_end|> is outside the loss mask",
            id="end of turn outside the mask",
        ),
        pytest.param(
            "'<|im_start|>assistant\\n'",
            "'<|im_start|>assistant: '",
            "generation prompt differs from what stands before a trained reply",
            id="another prompt",
        ),
    ],
)
def test_faulty_template_is_refused(tokenizer, old, new, message):
    """Each fault of a template is one sentence."""
    faulty = TEMPLATE.replace(old, new)
    if "generation" in old and "endgeneration" not in old:
        faulty = faulty.replace("{%- endgeneration -%}", "")
    assert faulty != TEMPLATE
    tokenizer.chat_template = faulty
    with pytest.raises(ModelError) as error:
        chat.check_template(tokenizer, END_OF_TURN)
    assert message in str(error.value)


def test_padding_that_ends_a_reply_is_refused(tokenizer):
    """Pad equal to eos would mask the end of every reply."""
    tokenizer.pad_token = tokenizer.eos_token
    with pytest.raises(ModelError, match=r"padding token <\|im_end\|> also ends a reply"):
        chat.check_template(tokenizer, END_OF_TURN)


def test_missing_padding_is_refused(tokenizer):
    """A tokenizer without padding gets a sentence that names the parameter."""
    tokenizer.pad_token = None
    with pytest.raises(ModelError, match=r"no padding token; set params\.base\.pad"):
        chat.check_template(tokenizer, END_OF_TURN)


def test_unknown_end_of_turn_is_refused(tokenizer):
    """An end-of-turn word that is no single token could never be learned as one."""
    with pytest.raises(ModelError, match=r"no token <\|eot_id\|>; set params\.base\.end_of_turn"):
        chat.check_template(tokenizer, "<|eot_id|>")
