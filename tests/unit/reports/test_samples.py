"""Sample replies: authored dialogues only, chosen by hash, with the filters' decision."""

import pytest

from caretune.evaluation.result import Item, ReplyCheck
from caretune.records import Conversation, Message
from caretune.reports import samples

MODELS = ["base", "moe_lora"]


def row(name, source="dialogues", domain="crisis_safety"):
    """Build a held-out conversation of two exchanges."""
    turns = ["hello", "hi, what is on your mind?", f"asked <{name}>", f"authored {name}"]
    roles = ["user", "assistant", "user", "assistant"]
    messages = [Message(role, text) for role, text in zip(roles, turns, strict=True)]
    return Conversation(id=name, source=source, license="x", messages=messages, domain=domain)


def item(name, model, reply="generated", check=None):
    """Build one item with a reply."""
    return Item(name, name, model, "crisis_safety", "none", 1.0, 1, reply, 0.1, check)


def test_text_of_other_sources_is_never_shown():
    """Only dialogues and concepts were written for this project."""
    rows = [row("a", "counsel_chat"), row("b", "concepts"), row("c", "mine")]
    items = [item(name, model) for name in "abc" for model in MODELS]
    chosen = samples.choose(items, rows, MODELS, 6)
    assert [sample.conversation.id for sample in chosen] == ["b"]


def test_every_model_must_have_replied():
    """Side by side means the same conversation."""
    items = [item("a", "base"), item("b", "base"), item("b", "moe_lora")]
    items.append(item("a", "moe_lora", reply=None))
    chosen = samples.choose(items, [row("a"), row("b")], MODELS, 6)
    assert [sample.conversation.id for sample in chosen] == ["b"]


def test_domains_come_by_turns_and_ids_in_order():
    """Nobody picks: the smallest hash of each domain, then the next."""
    rows = [row("c", domain="x"), row("a", domain="x"), row("b", domain="y"), row("d", domain="x")]
    items = [item(name, model) for name in "abcd" for model in MODELS]
    chosen = samples.choose(items, rows, MODELS, 3)
    assert [sample.conversation.id for sample in chosen] == ["a", "b", "c"]


def test_models_stand_in_the_order_asked_for():
    """Whatever the order of the items."""
    items = [item("a", "moe_lora"), item("a", "base")]
    drawn = samples.draw(samples.choose(items, [row("a")], MODELS, 1)).html
    assert drawn.index("authored a") < drawn.index(">base<") < drawn.index(">MoE-LoRA<")


def test_text_is_escaped():
    """A message or reply that holds markup is shown as text."""
    items = [item("a", model, reply="<script>") for model in MODELS]
    drawn = samples.draw(samples.choose(items, [row("a")], MODELS, 1)).html
    assert "asked &lt;a&gt;" in drawn
    assert "<script>" not in drawn


@pytest.mark.parametrize(
    ("check", "said"),
    [
        pytest.param(None, "Filters: not judged.", id="unscored"),
        pytest.param(
            ReplyCheck("allow", 0, False, None, True, False),
            "Filters: sent as it is.",
            id="allowed",
        ),
        pytest.param(
            ReplyCheck("block", 2, True, "medical_advice", False, True),
            "blocked, a safe reply takes its place (2 spans of personal data, toxic, medical advice). "
            "At this risk people get the protocol reply instead.",
            id="blocked at high risk",
        ),
    ],
)
def test_decision_is_told_in_words(check, said):
    """What the filters found, and what people would get."""
    items = [item("a", model, check=check) for model in MODELS]
    assert said in samples.draw(samples.choose(items, [row("a")], MODELS, 1)).html


def test_no_sample_is_said_to_be_none():
    """An empty section would look like a fault."""
    assert "None: the test split holds no authored conversation" in samples.draw([]).html
