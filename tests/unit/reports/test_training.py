"""A training is drawn as far as it was logged."""

import pytest

from caretune.reports import figures, training

HISTORY = {
    "moe_lora": [{"step": 1, "gradient_norm": 0.5}, {"step": 2, "gradient_norm": 0.4}],
    "lora": [{"step": 1, "loss": 3.0}],
}


def test_a_curve_shows_the_adapters_that_logged_it():
    """One curve; the other adapter is not named."""
    drawn = training.curve("Gradient norm", "no unit", HISTORY, "gradient_norm").html
    assert ">MoE-LoRA<" in drawn
    assert ">LoRA<" not in drawn


def test_a_figure_that_nobody_logged_is_said_to_be_missing():
    """An older history is a sentence, not an error."""
    said = training.curve("Learning rate", "", HISTORY, "learning_rate").html
    assert said == "<p>Learning rate: not logged in this run.</p>"


@pytest.mark.parametrize(
    ("moe_lora", "said"),
    [
        pytest.param(4.046, "is behind the LoRA by 0.004 nats a reply token", id="behind"),
        pytest.param(4.032, "is ahead of the LoRA by 0.010 nats a reply token", id="ahead"),
        pytest.param(4.04201, "is level with the LoRA:", id="level"),
    ],
)
def test_which_adapter_is_ahead_on_validation_is_said_in_words(moe_lora, said):
    """With what each gained on the base, and that no interval is computed there."""
    trained = {
        name: {"base_validation_nll": 4.101, "best_validation_nll": best}
        for name, best in (("moe_lora", moe_lora), ("lora", 4.042))
    }
    drawn = training.standing(trained).html
    assert said in drawn
    assert "NLL by 0.059. These rows" in drawn
    assert "no interval is computed" in drawn


def test_the_training_loss_is_a_running_mean_over_single_values(monkeypatch):
    """The mean of each 20 logged values stands at the last; its steps are said."""
    drawn = []
    monkeypatch.setattr(figures, "curves", lambda *given: drawn.append(given))
    rows = [{"step": 0}, *({"step": 2 * n, "loss": float(n)} for n in range(1, 23))]
    training.loss({"lora": rows})
    ((_, told, means, single),) = drawn
    assert "the mean of the last 20 logged values (40 steps), pale each of them" in told
    assert means == {"lora": [(40, 10.5), (42, 11.5), (44, 12.5)]}
    assert len(single["lora"]) == 22


def test_the_training_loss_of_a_few_values_is_drawn_as_it_is():
    """There is nothing to take a mean of."""
    rows = [{"step": n, "loss": 1.0 / n} for n in range(1, 21)]
    drawn = training.loss({"lora": rows}).html
    assert "the mean of" not in drawn
    assert "stroke-opacity" not in drawn


def test_without_other_objectives_that_is_said():
    """Weights of 0 are no fault; the score is the NLL then, and drawn already."""
    assert "params.train.objectives" in training.objectives(HISTORY).html
    alone = {"moe_lora": [{"step": 1, "validation_score": 4.2}]}
    assert "params.train.objectives" in training.objectives(alone).html


def test_every_objective_and_the_score_are_drawn():
    """Those of training, those of validation, and what chooses the checkpoint."""
    row = {"objective/safety": 0.6, "validation_safety_accuracy": 0.4, "validation_score": 4.2}
    history = {"moe_lora": [{"step": 1, **row}, {"step": 2, **row}]}
    drawn = training.objectives(history).html
    for title in ("Validation score", "Objective / safety", "Validation safety accuracy"):
        assert f"<b>{title}</b>" in drawn
    bare = {"moe_lora": [{"step": 1, "objective/safety": 0.6}]}
    assert "Validation score" not in training.objectives(bare).html


def test_loads_are_drawn_without_a_line_that_could_be_taken_for_the_alerts():
    """One curve an expert; the alert's limits are of a mean, and stand in params alone."""
    rows = [
        {"step": n, "router/load/general": 0.1, "router/load/crisis_safety": 0.9} for n in (1, 2)
    ]
    drawn = training.experts(rows).html
    assert ">crisis safety<" in drawn
    assert "stroke-dasharray" not in drawn
    assert training.experts([{"step": 1}]).html.endswith("not logged in this run.</p>")


def test_the_classifier_is_tabulated_by_domain():
    """Shares with their intervals; a domain without a request is not measured, not 0."""
    share = {"value": 0.75, "low": 0.4, "high": 0.9, "n": 8, "families": 8}
    nothing = {"value": None, "low": None, "high": None, "n": 0, "families": 0}
    shares = {"all": share, "crisis_safety": nothing}
    drawn = training.classifier({"validation": {"last": shares, "first": shares}}).html
    assert drawn.count('class="meter"') == 2
    assert drawn.count("not measured") == 2
