"""Each objective moves what it is for, and a step's loss depends on seed, step and weights alone."""

import math
from pathlib import Path

import pytest
import torch

from caretune.errors import ModelError
from caretune.model import adapter, base
from caretune.records import Conversation, Message
from caretune.training import objectives
from tests.fixtures.models import dialogues, lora, moe_lora
from tests.unit.training.test_contrasts import labelled

OFF = {
    "crisis_weight": 1.0,
    "safety_weight": 0.0,
    "safety_scale": 1.0,
    "coherence_weight": 0.0,
    "coherence_margin": 1.0,
    "interval": 1,
    "batch_size": 4,
    "max_length": 128,
}
SAFETY = OFF | {"safety_weight": 1.0}
COHERENCE = OFF | {"coherence_weight": 1.0}
BOTH = SAFETY | {"coherence_weight": 0.5}
TOPICS = ("work", "sleep")


def replies(count: int = 30):
    """Make toy replies, of which the kind shows in the words, each to a context of its own."""
    contexts = [row.messages[0].content for row in dialogues(count)]
    return [
        labelled(context, "I hear you." if place % 2 else "Get over it.", bool(place % 2))
        for place, context in enumerate(contexts)
    ]


def talks(begin: int, end: int) -> list[Conversation]:
    """Make toy conversations, whose replies name what the client named."""
    asked = ("{} {}", "my {} {}", "{} and {}", "{}, {}")
    return [
        Conversation(
            id=f"{asking}-{topic}",
            source="toy",
            license="CC0-1.0",
            messages=[
                Message("user", asked[asking].format(topic, topic)),
                Message("assistant", f"{topic} {topic}"),
            ],
            family=topic,
        )
        for asking in range(begin, end)
        for topic in TOPICS
    ]


def build(tiny_base: Path, values: dict, config=None, given=None):
    """Build objectives and a model for them, with the reference taken."""
    loaded = base.load(tiny_base)
    model = adapter.add(loaded.model, config or moe_lora(), 1)
    made = objectives.prepare(
        loaded.tokenizer,
        objectives.Weights(**values),
        talks(0, 3),
        talks(3, 4),
        replies() if given is None else given,
        3,
    )
    made.reference(model)
    return made, model


def _train(made: objectives.Objectives, model, steps: int) -> None:
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    model.train()
    for step in range(steps):
        loss, _ = made.loss(model, step)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def test_untrained_adapter_has_learnt_nothing(tiny_base):
    """Before the first step no reply gained: log 2, and every pair a tie."""
    made, model = build(tiny_base, BOTH)
    found = made.validate(model)
    assert found["eval_safety"] == pytest.approx(math.log(2), abs=1e-5)
    assert found["eval_safety_accuracy"] == 0.5
    assert found["eval_coherence"] == pytest.approx(1.0, abs=0.3)


@pytest.mark.parametrize("config", [moe_lora(), lora()], ids=["moe_lora", "lora"])
def test_safety_tells_held_out_replies_apart(config, tiny_base):
    """Trained on safety alone, held-out fit replies gain more than unfit ones."""
    made, model = build(tiny_base, SAFETY, config)
    _train(made, model, 25)
    found = made.validate(model)
    assert found["eval_safety"] < 0.5
    assert found["eval_safety_accuracy"] > 0.9


def test_coherence_prefers_the_own_reply(tiny_base):
    """Trained on coherence alone, held-out contexts expect their own reply rather than others."""
    made, model = build(tiny_base, COHERENCE | {"batch_size": 12})
    before = made.validate(model)
    assert before["eval_coherence_accuracy"] == 0.5
    _train(made, model, 40)
    found = made.validate(model)
    assert found["eval_coherence"] < before["eval_coherence"] - 0.5
    assert found["eval_coherence_accuracy"] == 1.0


def _gradient(made, model, step: int) -> torch.Tensor:
    model.zero_grad()
    made.loss(model, step)[0].backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def test_loss_of_a_step_has_no_memory(tiny_base):
    """Whatever came before, a step draws the same rows and drops the same inputs."""
    made, model = build(tiny_base, BOTH, moe_lora(dropout=0.2))
    model.train()
    alone = _gradient(made, model, 4)
    for step in range(4):
        made.loss(model, step)
        torch.rand(step)
    assert torch.equal(_gradient(made, model, 4), alone)
    assert not torch.equal(_gradient(made, model, 5), alone)


def test_random_state_outside_stays(tiny_base):
    """The language pass drops the same inputs with and without the other objectives."""
    made, model = build(tiny_base, BOTH, moe_lora(dropout=0.2))
    model.train()
    before = torch.get_rng_state()
    made.loss(model, 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_order_of_the_files_does_not_count(tiny_base):
    """Shuffled files give the same loss."""
    made, model = build(tiny_base, BOTH)
    other, _ = build(tiny_base, BOTH, given=replies()[::-1])
    other.reference(model)
    assert other.loss(model, 3)[1] == pytest.approx(made.loss(model, 3)[1])


@pytest.mark.parametrize(
    ("values", "step"),
    [pytest.param(OFF, 0, id="no weight"), pytest.param(BOTH | {"interval": 4}, 3, id="between")],
)
def test_steps_without_objectives(values, step, tiny_base):
    """A weight of 0, or a step between two batches, computes nothing."""
    made, model = build(tiny_base, values)
    assert made.loss(model, step) == (None, {})


def test_total_is_the_weighted_sum(tiny_base):
    """The loss is what the figures say, each with its weight."""
    made, model = build(tiny_base, BOTH | {"safety_weight": 3.0})
    total, figures = made.loss(model, 0)
    assert set(figures) == {"objective/safety", "objective/coherence"}
    wanted = 3.0 * figures["objective/safety"] + 0.5 * figures["objective/coherence"]
    assert total.item() == pytest.approx(wanted)


@pytest.mark.parametrize(("size", "half"), [(1, 1), (4, 2), (7, 3), (1000, 12)])
def test_batch_holds_as_many_fit_as_unfit_replies(size, half, tiny_base):
    """Making every reply less likely would gain nothing."""
    made, _ = build(tiny_base, SAFETY | {"batch_size": size})
    fit = len(made._learnt.fit)
    half = min(half, fit, len(made._learnt.unfit))
    places = made._drawn_replies(0)
    assert sum(place < fit for place in places) == half
    assert len(set(places)) == 2 * half


def test_one_objective_does_not_move_the_draws_of_the_other(tiny_base):
    """The ablation of one leaves the other's batches as they are."""
    made, model = build(tiny_base, BOTH)
    safety, _ = build(tiny_base, SAFETY)
    safety.reference(model)
    name = "objective/safety"
    assert safety.loss(model, 2)[1][name] == pytest.approx(made.loss(model, 2)[1][name], rel=1e-5)


def test_reference_does_not_depend_on_batches(tiny_base):
    """The base's likelihood of a reply is its own, whatever it is padded with."""
    few, _ = build(tiny_base, SAFETY | {"batch_size": 1})
    many, _ = build(tiny_base, SAFETY | {"batch_size": 8})
    assert torch.allclose(few._base[0], many._base[0], atol=1e-5)


def test_reference_is_of_the_base(tiny_base):
    """A trained adapter is off while the reference is taken, and on again after."""
    made, model = build(tiny_base, SAFETY)
    _train(made, model, 3)
    again, _ = build(tiny_base, SAFETY)
    again._base = None
    again.reference(model)
    assert torch.allclose(again._base[0], made._base[0], atol=1e-5)
    assert again.validate(model) == made.validate(model)
    assert all(p.requires_grad for name, p in model.named_parameters() if "moelora" in name)


def test_reference_must_be_taken(tiny_base):
    """Without the base's likelihoods there is no loss."""
    made, model = build(tiny_base, SAFETY)
    made._base = None
    with pytest.raises(ModelError) as error:
        made.loss(model, 0)
    assert str(error.value) == (
        "the base's likelihoods are missing; call Objectives.reference first."
    )


def test_validation_measures_what_has_rows(tiny_base):
    """Without labelled replies and with one family there are no figures; they are not 0."""
    loaded = base.load(tiny_base)
    made = objectives.prepare(
        loaded.tokenizer, objectives.Weights(**OFF), [], talks(0, 1)[:1], (), 3
    )
    model = adapter.add(loaded.model, lora(), 1)
    made.reference(model)
    assert made.validate(model) == {}


def test_validation_leaves_the_mode(tiny_base):
    """A model in training is in training after."""
    made, model = build(tiny_base, BOTH)
    model.train()
    made.validate(model)
    assert model.training


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param(
            SAFETY,
            "params.train.objectives.safety_weight is above 0, but there are no labelled replies; "
            "give the file of labelled replies or set it to 0.",
            id="safety",
        ),
        pytest.param(
            COHERENCE,
            "params.train.objectives.coherence_weight is above 0, but the train split has replies "
            "of fewer than two families; add conversations or set it to 0.",
            id="coherence",
        ),
    ],
)
def test_weight_without_rows_is_refused(values, message, tiny_base):
    """An objective that has nothing to learn from is said before the first step."""
    words = base.load(tiny_base).tokenizer
    with pytest.raises(ModelError) as error:
        objectives.prepare(words, objectives.Weights(**values), talks(0, 1)[:1], [], (), 3)
    assert str(error.value) == message
