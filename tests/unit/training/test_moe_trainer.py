"""Every loss trains what it should, counts once a step, and never blurs the validation."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from transformers import DataCollatorForSeq2Seq, TrainerCallback

from caretune.errors import ModelError
from caretune.model import adapter, base
from caretune.moe_lora.losses import UNSUPERVISED
from caretune.records import Conversation, Crisis, Gold
from caretune.training import objectives, optimiser, rows, sft
from caretune.training.moe_trainer import MoeTrainer
from caretune.training.settings import Operation, Settings
from tests.fixtures.models import EXPERTS, ROOT, dialogues, lora, moe_lora
from tests.unit.training.test_objectives import BOTH, OFF, replies, talks


def _trainer(
    tiny_base: Path,
    config: adapter.Config,
    scratch: Path,
    batch_size: int = 3,
    *,
    crisis_weight: float = 1.0,
    talk: list[Conversation] | None = None,
    given: dict[str, Any] | None = None,
    **changed: Any,
):
    loaded = base.load(tiny_base)
    experts = getattr(config, "expert_names", None)
    talk = dialogues(8) if talk is None else talk
    values = {
        "learning_rate": 1e-2,
        "schedule": "constant",
        "steps": 1,
        "warmup_steps": 0,
        "batch_size": batch_size,
        "accumulation": 1,
        "max_length": 256,
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "evaluations": 1,
        "gradient_checkpointing": False,
        "seed": 1,
    }
    words = loaded.tokenizer
    settings = Settings(**(values | changed))
    arguments = sft._arguments(settings, "float32", str(scratch), Operation())
    arguments.save_strategy = "no"
    return MoeTrainer(
        model=adapter.add(loaded.model, config, 1),
        args=arguments,
        data_collator=DataCollatorForSeq2Seq(words),
        train_dataset=rows.prepare(words, talk, 256, experts, crisis_weight=crisis_weight).dataset,
        eval_dataset=rows.prepare(words, talk, 256, experts).dataset,
        processing_class=words,
        **(given or {}),
    )


@pytest.fixture
def trainer(tiny_base: Path, tmp_path: Path) -> MoeTrainer:
    """Build a trainer of a new MoE-LoRA."""
    return _trainer(tiny_base, moe_lora(), tmp_path)


def _loss(trainer: MoeTrainer, *, training: bool, items=None) -> float:
    trainer.model.train(training)
    batch = next(iter(trainer.get_train_dataloader()))
    batch["domain_ids"] = torch.full_like(batch["domain_ids"], 2)
    torch.manual_seed(1)
    return trainer.compute_loss(trainer.model, batch, num_items_in_batch=items).item()


def _figure(trainer: MoeTrainer, mode: str, name: str) -> float:
    return trainer._metrics[mode][name][-1]


def _router_total(trainer: MoeTrainer) -> float:
    config = trainer.model.peft_config["default"]
    return (
        config.load_balance_weight * _figure(trainer, "train", "router/load_balance")
        + config.z_weight * _figure(trainer, "train", "router/z")
        + config.domain_weight * _figure(trainer, "train", "router/domain")
    )


def test_router_losses_are_added_in_training(trainer):
    """The trained loss is the NLL plus the three weighted router losses."""
    loss = _loss(trainer, training=True)
    assert loss - _figure(trainer, "train", "nll") == pytest.approx(
        _router_total(trainer), rel=1e-4
    )


def test_validation_is_the_nll_alone(trainer):
    """No router loss enters the number that picks the best checkpoint."""
    loss = _loss(trainer, training=False)
    assert loss == _figure(trainer, "eval", "nll")
    assert _figure(trainer, "eval", "router/domain") > 0


def test_accumulation_divides_the_router_losses(trainer):
    """Where Trainer sums passes, each adds its share of the router's losses."""
    labels = next(iter(trainer.get_train_dataloader()))["labels"]
    items = 2 * int((labels[:, 1:] != rows.IGNORED).sum())
    trainer.current_gradient_accumulation_steps = 2
    loss = _loss(trainer, training=True, items=torch.tensor(items))
    nll = _figure(trainer, "train", "nll") / 2
    assert loss - nll == pytest.approx(_router_total(trainer) / 2, rel=1e-4)


def test_domains_reach_the_router(trainer):
    """The trainer keeps the column that TRL would drop."""
    batch = next(iter(trainer.get_train_dataloader()))
    assert set(batch["domain_ids"].tolist()) <= set(range(len(EXPERTS))) | {UNSUPERVISED}
    assert len(batch["domain_ids"]) == 3


def test_validation_is_weighted_by_tokens(tiny_base, tmp_path):
    """The validation NLL does not change with how rows fall into batches."""
    found = [
        _trainer(tiny_base, lora(), tmp_path, batch_size=size).evaluate()["eval_nll"]
        for size in (1, 3, 8)
    ]
    assert found == pytest.approx([found[0]] * 3, rel=1e-6)


def test_logged_validation_is_the_exact_one(trainer):
    """TRL's mean over batches does not replace the mean over tokens in the log."""
    found = trainer.evaluate()["eval_nll"]
    assert trainer.state.log_history[-1]["eval_nll"] == found


def test_padding_trains_nothing(trainer):
    """Padding stands on the right, is masked, and its label is ignored."""
    batch = next(iter(trainer.get_eval_dataloader()))
    padding = batch["attention_mask"] == 0
    assert padding.any()
    assert (batch["attention_mask"].diff(dim=1) <= 0).all()
    assert (batch["labels"][padding] == rows.IGNORED).all()
    assert (batch["input_ids"][padding] == trainer.processing_class.pad_token_id).all()


def test_rows_without_domain_give_none(tiny_base, tmp_path):
    """A plain adapter's rows have no domain, and its batches no such key."""
    batch = next(iter(_trainer(tiny_base, lora(), tmp_path).get_train_dataloader()))
    assert set(batch) == {"input_ids", "attention_mask", "labels"}


def _weights(trainer: MoeTrainer) -> torch.Tensor:
    named = sorted(trainer.model.named_parameters())
    return torch.cat([p.detach().flatten() for _, p in named if p.requires_grad])


def _trained(*args: Any, **kwargs: Any) -> torch.Tensor:
    trainer = _trainer(*args, **kwargs)
    trainer.train()
    return _weights(trainer)


def _grave(count: int) -> list[Conversation]:
    """Make rows of which every other one is of a crisis."""
    gold = [Gold(Crisis(severity=word)) for word in ("none", "imminent")]
    return [
        msgspec.structs.replace(row, gold=gold[place % 2])
        for place, row in enumerate(dialogues(count))
    ]


def _gradients(trainer: MoeTrainer, batches: list[dict[str, Any]]) -> torch.Tensor:
    """Return the gradient of one step over batches, as Trainer accumulates it."""
    trainer.model.zero_grad()
    trainer.current_gradient_accumulation_steps = len(batches)
    items = trainer._get_num_items_in_batch(batches, trainer.args.device)
    for batch in batches:
        trainer.training_step(trainer.model, dict(batch), items)
    named = sorted(trainer.model.named_parameters())
    return torch.cat([p.grad.flatten() for _, p in named if p.grad is not None])


def _batches(trainer: MoeTrainer, size: int) -> list[dict[str, Any]]:
    collate, dataset = trainer.data_collator, trainer.train_dataset
    return [
        collate([dataset[place] for place in range(begin, begin + size)])
        for begin in range(0, len(dataset), size)
    ]


def test_crisis_tokens_count_by_their_weight(tiny_base, tmp_path):
    """The loss is the mean over reply tokens, those of crisis rows counting threefold."""
    trainer = _trainer(tiny_base, lora(), tmp_path, talk=_grave(8), crisis_weight=3.0)
    batch = _batches(trainer, 8)[0]
    items = trainer._get_num_items_in_batch([batch], trainer.args.device)
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    found = trainer.compute_loss(trainer.model, dict(batch), num_items_in_batch=items).item()
    logits = trainer.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
    nll = torch.nn.functional.cross_entropy(
        logits.logits[:, :-1].transpose(1, 2), batch["labels"][:, 1:], reduction="none"
    )
    real = (batch["labels"][:, 1:] != rows.IGNORED) * batch["loss_weights"].unsqueeze(1)
    assert set(batch["loss_weights"].tolist()) == {1.0, 3.0}
    assert found == pytest.approx(((nll * real).sum() / real.sum()).item(), rel=1e-5)
    plain = nll[batch["labels"][:, 1:] != rows.IGNORED].mean().item()
    assert _figure(trainer, "train", "nll") == pytest.approx(plain, rel=1e-5)
    assert found != pytest.approx(plain, rel=1e-4)


@pytest.mark.parametrize("crisis_weight", [1.0, 3.0])
def test_accumulation_is_one_batch(crisis_weight, tiny_base, tmp_path):
    """Eight passes of one row give the gradient of one pass of eight, objectives included."""
    given = {"objectives": _objectives(tiny_base, BOTH)}
    found = []
    for size in (8, 1):
        trainer = _trainer(
            tiny_base, lora(), tmp_path, talk=_grave(8), crisis_weight=crisis_weight, given=given
        )
        found.append(_gradients(trainer, _batches(trainer, size)))
    assert torch.allclose(*found, atol=1e-6)
    assert found[0].abs().max() > 1e-3


def test_weight_one_is_the_plain_path(tiny_base, tmp_path):
    """Crisis rows of weight 1 train the very bytes that unweighted rows do."""
    found = _trained(tiny_base, moe_lora(), tmp_path, talk=_grave(8), crisis_weight=1.0, steps=2)
    assert torch.equal(found, _trained(tiny_base, moe_lora(), tmp_path, steps=2))


def test_packed_rows_are_weighted_by_token(tiny_base, tmp_path):
    """A weight a token, as packed rows have it, gives what a weight a row gives."""
    trainer = _trainer(tiny_base, lora(), tmp_path, talk=_grave(8), crisis_weight=3.0)
    row = _batches(trainer, 1)
    by_token = [
        batch | {"loss_weights": batch["loss_weights"].unsqueeze(1).expand_as(batch["labels"])}
        for batch in row
    ]
    assert torch.equal(_gradients(trainer, by_token), _gradients(trainer, row))


def _objectives(tiny_base: Path, values: dict[str, Any]) -> objectives.Objectives:
    return objectives.prepare(
        base.load(tiny_base).tokenizer,
        objectives.Weights(**values),
        talks(0, 3),
        talks(3, 4),
        replies(),
        3,
    )


def test_objectives_without_weight_change_no_byte(tiny_base, tmp_path):
    """With all weights 0 the adapter is that of a training without objectives."""
    given = {"objectives": _objectives(tiny_base, OFF)}
    config = moe_lora(dropout=0.1)
    found = _trained(tiny_base, config, tmp_path, steps=3, given=given)
    assert torch.equal(found, _trained(tiny_base, config, tmp_path, steps=3))


def test_objectives_change_the_training_where_they_have_weight(tiny_base, tmp_path):
    """The test above can fail."""
    given = {"objectives": _objectives(tiny_base, BOTH)}
    found = _trained(tiny_base, moe_lora(), tmp_path, steps=3, given=given)
    assert not torch.equal(found, _trained(tiny_base, moe_lora(), tmp_path, steps=3))


def test_objectives_count_once_a_step(tiny_base, tmp_path):
    """Figures come from the first pass of a step alone, at each step that is due."""
    given = {"objectives": _objectives(tiny_base, BOTH | {"interval": 2})}
    trainer = _trainer(tiny_base, moe_lora(), tmp_path, 2, steps=5, accumulation=2, given=given)
    seen: list[int] = []
    trainer.add_callback(_Figures(seen))
    trainer.train()
    assert seen == [1, 3, 5]


class _Figures(TrainerCallback):
    """Notes the steps that logged a figure above 0."""

    def __init__(self, seen: list[int], name: str = "objective/safety") -> None:
        self._seen = seen
        self._name = name

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note the step."""
        if kwargs["logs"].get(self._name, 0) > 0:
            self._seen.append(state.global_step)


def test_router_figures_are_of_the_language_pass(tiny_base, tmp_path):
    """The rows of the other objectives do not enter the router's losses."""
    found = []
    for values in (OFF, BOTH):
        trainer = _trainer(
            tiny_base, moe_lora(), tmp_path, given={"objectives": _objectives(tiny_base, values)}
        )
        _gradients(trainer, _batches(trainer, 8))
        found.append(_figure(trainer, "train", "router/load_balance"))
    assert found[0] == found[1]


@pytest.mark.parametrize("checkpointing", [True, False])
def test_gradient_checkpointing_keeps_the_gates_apart(checkpointing, tiny_base, tmp_path):
    """Objectives and language pass are replayed each with its own gates."""
    trainer = _trainer(
        tiny_base, moe_lora(), tmp_path, given={"objectives": _objectives(tiny_base, BOTH)}
    )
    plain = _gradients(trainer, _batches(trainer, 8))
    trainer._last_step = None
    if checkpointing:
        trainer.model.activation_checkpointing_enable({"use_reentrant": False})
    assert torch.allclose(_gradients(trainer, _batches(trainer, 8)), plain, atol=1e-6)


def test_score_is_the_weighted_sum(tiny_base, tmp_path):
    """The number that picks the best checkpoint is what params weigh."""
    given = {
        "objectives": _objectives(tiny_base, OFF),
        "selection": {"nll": 1.0, "safety": 2.0, "coherence": 0.5},
    }
    trainer = _trainer(tiny_base, moe_lora(), tmp_path, given=given)
    found = trainer.evaluate()
    assert found["eval_score"] == pytest.approx(
        found["eval_nll"] + 2 * found["eval_safety"] + 0.5 * found["eval_coherence"]
    )
    assert found["eval_safety_accuracy"] == 0.5
    assert found.items() <= trainer.state.log_history[-1].items()


def test_score_is_the_nll_by_default(trainer):
    """Without a selection the NLL alone decides."""
    found = trainer.evaluate()
    assert found["eval_score"] == found["eval_nll"]


def test_score_without_a_measure_is_refused(tiny_base, tmp_path):
    """A selection that nothing measures is said at the first validation."""
    trainer = _trainer(tiny_base, lora(), tmp_path, given={"selection": {"safety": 1.5}})
    with pytest.raises(ModelError) as error:
        trainer.evaluate()
    assert str(error.value) == (
        "params.train.selection.safety is 1.5, but nothing measures it: there are no held-out "
        "rows of it. Set it to 0 or give such rows."
    )


def test_packed_validation_rows_are_refused_of_several_processes(trainer, monkeypatch):
    """Rows that fill up the last batch could not be told from the others."""
    batch = next(iter(trainer.get_eval_dataloader()))
    del batch["attention_mask"]
    monkeypatch.setattr(type(trainer.accelerator), "num_processes", 2)
    with pytest.raises(ModelError) as error:
        trainer._validate_batch(trainer.model, batch)
    assert str(error.value) == (
        "validation rows are packed, so several processes cannot tell which of them came twice. "
        "Prepare the validation rows with packing off."
    )


def test_static_gates_are_refused(trainer):
    """An adapter whose gates are fixed trains no router."""
    trainer.model.base_model.set_static_gates([1.0, 0, 0, 0, 0])
    with pytest.raises(ModelError, match="no router ran: the adapter has static gates"):
        trainer.evaluate()


class _Scores(TrainerCallback):
    """Validates after every step and notes the rates."""

    def __init__(self, rates: list[float]) -> None:
        self._rates = rates

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note the rate of the step."""
        control.should_evaluate = True
        self._rates.append(kwargs["optimizer"].param_groups[0]["lr"])


def test_plateau_is_driven_by_the_validation_score(tiny_base, tmp_path, monkeypatch):
    """Trainer hands the score to the schedule, which rises, then halves where nothing is gained."""
    trainer = _trainer(
        tiny_base,
        lora(),
        tmp_path,
        steps=6,
        warmup_steps=2,
        given={"plateau": {"factor": 0.5, "patience": 0}},
    )
    monkeypatch.setattr(MoeTrainer, "_score", lambda *_: 1.0)
    rates: list[float] = []
    trainer.add_callback(_Scores(rates))
    trainer.train()
    assert rates == [0.0, 0.005, 0.01, 0.01, 0.005, 0.0025]


def test_step_without_a_number_is_left_out_of_a_training(tiny_base, tmp_path):
    """One NaN loss costs its step and nothing else."""
    guard = optimiser.NonFiniteSteps()
    trainer = _trainer(tiny_base, lora(), tmp_path, steps=3, given={"callbacks": [guard]})
    whole = trainer.training_step

    def spoilt(model: Any, inputs: Any, items: Any = None) -> torch.Tensor:
        loss = whole(model, inputs, items)
        if trainer.state.global_step == 1:
            next(p for p in model.parameters() if p.grad is not None).grad.mul_(float("nan"))
        return loss

    trainer.training_step = spoilt
    seen: list[int] = []
    trainer.add_callback(_Figures(seen, "steps_left_out"))
    trainer.train()
    assert guard.count == 1
    assert seen == [2, 3, 3]
    assert _weights(trainer).isfinite().all()


def test_router_does_not_decay(tiny_base, tmp_path):
    """Trainer's groups are ours: all but the routers decay."""
    trainer = _trainer(tiny_base, moe_lora(), tmp_path, weight_decay=0.1)
    trainer.create_optimizer()
    decaying, others = trainer.optimizer.param_groups
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    assert len(decaying["params"]) == 2 * 2 * 7
    assert [p.shape[0] for p in others["params"]] == [len(EXPERTS)] * 2


_TWO = """
import json, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from tests.fixtures.models import dialogues, lora
from tests.unit.training import test_moe_trainer as t
base, scratch, batch = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
trainer = t._trainer(base, lora(), scratch, batch, talk=t._grave(11), crisis_weight=3.0, steps=2,
    given={"objectives": t._objectives(base, t.BOTH)})
before = trainer.evaluate()
trainer.train()
after = trainer.evaluate()
if trainer.is_world_process_zero():
    found = [before, after, t._weights(trainer).tolist()]
    (scratch / "found.json").write_text(json.dumps(found))
"""


@pytest.mark.slow
def test_two_processes_are_one(tiny_base, tmp_path):
    """Validation, objectives and two steps of two processes are those of one, to 1e-5."""
    script = tmp_path / "two.py"
    script.write_text(_TWO, encoding="utf-8")
    found = []
    for processes, batch in ((1, 4), (2, 2)):
        folder = tmp_path / str(processes)
        folder.mkdir()
        launch = ["-m", "torch.distributed.run", f"--nproc_per_node={processes}", "--standalone"]
        subprocess.run(
            [sys.executable, *launch, str(script), str(tiny_base), str(folder), str(batch)],
            check=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            timeout=300,
        )
        found.append(json.loads((folder / "found.json").read_text(encoding="utf-8")))
    one, two = found
    for place in (0, 1):
        assert two[place] == pytest.approx(one[place], abs=1e-5)
    assert torch.allclose(torch.tensor(two[2]), torch.tensor(one[2]), atol=1e-5)
    assert one[0] != one[1]
