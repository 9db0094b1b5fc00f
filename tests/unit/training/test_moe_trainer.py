"""The router's losses train the router, and never blur the validation."""

from pathlib import Path

import pytest
import torch
from transformers import DataCollatorForSeq2Seq

from caretune.model import adapter, base
from caretune.moe_lora.losses import UNSUPERVISED
from caretune.training import rows, sft
from caretune.training.moe_trainer import MoeTrainer
from tests.fixtures.models import EXPERTS, dialogues, lora, moe_lora


def _trainer(tiny_base: Path, config: adapter.Config, scratch: Path, batch_size: int = 3):
    loaded = base.load(tiny_base)
    experts = getattr(config, "expert_names", None)
    talk = dialogues(8)
    settings = sft.Settings(
        learning_rate=1e-2,
        schedule="constant",
        steps=1,
        warmup_steps=0,
        batch_size=batch_size,
        accumulation=1,
        max_length=256,
        weight_decay=0.0,
        max_grad_norm=1.0,
        evaluations=1,
        gradient_checkpointing=False,
        seed=1,
    )
    return MoeTrainer(
        model=adapter.add(loaded.model, config, 1),
        args=sft._arguments(settings, "float32", str(scratch)),
        data_collator=DataCollatorForSeq2Seq(loaded.tokenizer),
        train_dataset=rows.prepare(loaded.tokenizer, talk, 256, experts).dataset,
        eval_dataset=rows.prepare(loaded.tokenizer, talk, 256, experts).dataset,
        processing_class=loaded.tokenizer,
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
