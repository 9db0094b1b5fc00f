"""TRL's SFTTrainer with the router's losses and the other objectives, and an exact validation."""

from collections.abc import Mapping
from statistics import fmean
from typing import Any

import torch
from accelerate.utils import gather_object  # type: ignore[import-untyped] # no types shipped
from torch import Tensor, nn
from trl.trainer.sft_trainer import SFTTrainer

from caretune.errors import ModelError
from caretune.moe_lora.losses import RouterLosses
from caretune.moe_lora.model import MoeLoraModel
from caretune.training import optimiser
from caretune.training.objectives import Objectives
from caretune.training.order import Order
from caretune.training.rows import IGNORED, WEIGHT_COLUMN

VALIDATION_NLL = "eval_nll"
VALIDATION_SCORE = "eval_score"


class MoeTrainer(SFTTrainer):
    """Trains a LoRA or a MoE-LoRA on rows of token ids.

    TRL takes the loss from its own fused head and passes over `outputs.loss`, so the router's
    losses are added here. Validation never sees them: it is the mean over reply tokens alone.

    Args beyond SFTTrainer's:
        objectives: What is learnt and validated beside the next token; None: nothing.
        selection: Weight of `nll`, `safety` and `coherence` in the validation score.
        plateau: `factor` and `patience` of the schedule `plateau`, which takes the place of the
            schedule in `args`; None: that one.
    """

    def __init__(
        self,
        *args: Any,
        objectives: Objectives | None = None,
        selection: Mapping[str, float] | None = None,
        plateau: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._objectives = objectives
        self._selection = dict(selection or {"nll": 1.0})
        self._plateau = plateau
        self._last_step: int | None = None
        if plateau is not None:
            # What Trainer gives the schedule after a validation.
            self.args.metric_for_best_model, self.args.greater_is_better = VALIDATION_SCORE, False
            self.add_callback(optimiser.WarmUp())

    # What Trainer calls.

    def _get_train_sampler(self, train_dataset: Any = None) -> Order:
        """Return one order of rows for the whole training: nothing but a count has to resume."""
        rows: Any = self.train_dataset if train_dataset is None else train_dataset
        args = self.args
        # Rows of a step, however passes and processes share them: they train the same.
        step = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        lengths = [len(row) for row in rows["input_ids"]]
        return Order(lengths, step, args.max_steps * step, args.seed)

    def get_decay_parameter_names(self, model: nn.Module) -> list[str]:
        """Return the names of the parameters that weight decay shrinks."""
        return optimiser.decayed(model)

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Return the schedule of the learning rate."""
        if self._plateau is None:
            return super().create_scheduler(num_training_steps, optimizer)
        moved: Any = self.optimizer if optimizer is None else optimizer
        schedule: Any = optimiser.Plateau(
            moved,
            warmup_steps=self.args.get_warmup_steps(num_training_steps),
            **self._plateau,
        )
        self.lr_scheduler = schedule
        return schedule

    def training_step(
        self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> Tensor:
        """Take one pass forward and back; the first of a step takes the other objectives before.

        Theirs is a backward pass of its own: two graphs at once would cost the memory of both,
        and the router keeps the logits of the last call alone.
        """
        added = self._train_objectives(model)
        loss: Tensor = super().training_step(model, inputs, num_items_in_batch)
        return loss if added is None else loss + added

    def _train_objectives(self, model: Any) -> Tensor | None:
        """Add the gradients of the objectives once a step, and return their loss."""
        step = self.state.global_step
        if self._objectives is None or step == self._last_step:
            return None
        self._last_step = step
        model.train()
        # Every process computes the same rows: their mean is what one process would have.
        with self.accelerator.no_sync(model), self.accelerator.autocast():
            self._objectives.reference(self.model)
            loss, figures = self._objectives.loss(model, step)
            if loss is None:
                return None
            self.accelerator.backward(loss)
        for name, value in figures.items():
            self._metrics["train"][name].append(value)
        return loss.detach()

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the batch's response NLL, in training with the router's losses added.

        In training a token counts by its row's weight (column `loss_weights`, none = 1), in the
        sum and in the count that it is divided by.
        """
        training = model.training
        # Trainer sums the passes of an accumulated step where it gives the step's token count.
        passes = 1 if num_items_in_batch is None else self.current_gradient_accumulation_steps
        weights = inputs.pop(WEIGHT_COLUMN, None)
        figures = self._metrics["train" if training else "eval"]
        if training and weights is not None:
            weighted = _Weighted(model, weights)
            loss = super().compute_loss(weighted, inputs, return_outputs, num_items_in_batch)
            figures["nll"].append(weighted.nll)
        else:
            loss = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            figures["nll"].append(loss.item() * passes)
        routed = self._routed(model)
        if routed is None:
            return loss
        for name, value in self._router_figures(routed).items():
            figures[name].append(value)
        return loss + routed.total / passes if training else loss

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: Any) -> Any:
        """Return by what the summed loss of a step is divided: its reply tokens, weighted."""
        if not batch_samples or WEIGHT_COLUMN not in batch_samples[0]:
            return super()._get_num_items_in_batch(batch_samples, device)
        count = torch.stack(
            [
                (_by_token(batch[WEIGHT_COLUMN]) * (batch["labels"][:, 1:] != IGNORED)).sum()
                for batch in batch_samples
            ]
        ).sum()
        return self.accelerator.gather(count.to(device)).sum()

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Return the validation: mean NLL over all reply tokens, objectives, and the score.

        Trainer's own mean is over batches, and changes with how rows fall into them and into
        processes; this one does not.

        Raises:
            ModelError: A figure of the score is not measured, or rows are packed and there are
                several processes.
        """
        model: Any = self.model
        model.eval()
        sums, routed = torch.zeros(2, dtype=torch.float64), []
        for batch in self.get_eval_dataloader():
            rows, figures = self._validate_batch(model, batch)
            # Processes get equally many rows, the last ones twice; this leaves those out.
            sums += self.accelerator.gather_for_metrics(rows).sum(0).cpu()
            routed.append(figures)
        metrics = {VALIDATION_NLL: (sums[0] / sums[1]).item()}
        if self._objectives is not None:
            with self.accelerator.autocast():
                self._objectives.reference(model)
                metrics |= self._objectives.validate(model)
        metrics[VALIDATION_SCORE] = self._score(metrics)
        # TRL logs the means of what it kept by batch; the exact ones take their place.
        self._metrics["eval"].clear()
        for name, value in _means(gather_object([_means(routed)])).items():
            self._metrics["eval"][name] = [value]
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        model.train()
        return metrics

    @torch.no_grad()
    def _validate_batch(self, model: Any, batch: dict[str, Any]) -> tuple[Tensor, dict[str, float]]:
        """Return summed NLL and reply tokens of each row, `(rows, 2)`, and the router's figures."""
        inputs: dict[str, Any] = self._prepare_inputs(batch)
        if self.accelerator.num_processes > 1 and "attention_mask" not in inputs:
            raise ModelError(
                "validation rows are packed, so several processes cannot tell which of them came "
                "twice. Prepare the validation rows with packing off."
            )
        inputs.pop(WEIGHT_COLUMN, None)
        with self.accelerator.autocast():
            outputs = model(**inputs, use_cache=False, fused_lm_head=True)
        nll = -outputs.log_probs.double().sum(1)
        routed = self._routed(model)
        return (
            torch.stack([nll, outputs.label_mask.sum(1).double()], dim=1),
            {} if routed is None else self._router_figures(routed),
        )

    def _score(self, metrics: Mapping[str, float]) -> float:
        """Return the weighted sum that the best checkpoint has the lowest of."""
        weighed = {f"eval_{name}": weight for name, weight in self._selection.items() if weight}
        for name in sorted(weighed):
            if name not in metrics:
                field = name.removeprefix("eval_")
                raise ModelError(
                    f"params.train.selection.{field} is {weighed[name]}, but nothing measures it: "
                    "there are no held-out rows of it. Set it to 0 or give such rows."
                )
        return sum(weight * metrics[name] for name, weight in sorted(weighed.items()))

    def _routed(self, model: Any) -> RouterLosses | None:
        """Return the router losses of the last call; None where the adapter has no router."""
        tuner = self.accelerator.unwrap_model(model).base_model
        if not isinstance(tuner, MoeLoraModel):
            return None
        routed = tuner.router_losses()
        if routed is None:
            raise ModelError("no router ran: the adapter has static gates. Train it without.")
        tuner.clear()
        return routed

    def _router_figures(self, routed: RouterLosses) -> dict[str, float]:
        """Return the router's losses and figures under the names they are logged by."""
        tuner: Any = self.accelerator.unwrap_model(self.model).base_model
        figures = {
            f"router/{name}": value
            for name, value in routed._asdict().items()
            if value is not None and name not in {"total", "expert_load"}
        }
        names = tuner.peft_config[tuner.active_adapters[0]].expert_names
        figures |= {
            f"router/load/{name}": share
            for name, share in zip(names, routed.expert_load, strict=True)
        }
        values = torch.stack([value.detach() for value in figures.values()]).tolist()
        return dict(zip(figures, values, strict=True))


class _Weighted:
    """A model whose log-probabilities come weighted, so that TRL sums and divides them as ever."""

    def __init__(self, model: Any, weights: Tensor) -> None:
        self._model = model
        self._weights = _by_token(weights)
        self.nll = 0.0
        """Mean over the reply tokens of the last call, not weighted."""

    def __call__(self, **inputs: Any) -> Any:
        outputs = self._model(**inputs)
        self.nll = (-outputs.log_probs.detach().sum() / outputs.label_mask.sum()).item()
        outputs.log_probs = outputs.log_probs * self._weights
        return outputs


def _by_token(weights: Tensor) -> Tensor:
    """Return weights that fit the predicted tokens: `(batch, 1)`, or packed `(1, tokens - 1)`."""
    return weights[:, 1:] if weights.dim() > 1 else weights.unsqueeze(1)


def _means(figures: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each figure over those that have it."""
    names = dict.fromkeys(name for one in figures for name in one)
    return {name: fmean(one[name] for one in figures if name in one) for name in names}
