"""TRL's SFTTrainer with the router's losses, and a validation weighted by tokens."""

from typing import Any

from trl.trainer.sft_trainer import SFTTrainer

from caretune.errors import ModelError
from caretune.moe_lora.losses import RouterLosses
from caretune.moe_lora.model import MoeLoraModel
from caretune.training.rows import IGNORED

VALIDATION_NLL = "eval_nll"


class MoeTrainer(SFTTrainer):
    """Trains a LoRA or a MoE-LoRA on rows of token ids.

    TRL takes the loss from its own fused head and passes over `outputs.loss`, so the router's
    losses are added here. Validation never sees them: it is the mean over reply tokens alone.
    """

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the batch's response NLL, in training with the router's losses added."""
        training = model.training
        # Trainer sums the passes of an accumulated step where it gives the step's token count.
        passes = 1 if num_items_in_batch is None else self.current_gradient_accumulation_steps
        loss = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        figures = self._metrics["train" if training else "eval"]
        figures["nll"].append(loss.item() * passes)
        tuner = self.accelerator.unwrap_model(model).base_model
        if not isinstance(tuner, MoeLoraModel):
            return loss
        routed = tuner.router_losses()
        if routed is None:
            raise ModelError("no router ran: the adapter has static gates. Train it without.")
        tuner.clear()
        for name, value in _router_figures(routed, tuner).items():
            figures[name].append(value)
        return loss + routed.total / passes if training else loss

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Return the mean NLL over all reply tokens of the validation rows (nats a token).

        Trainer's own mean is over batches, and changes with how rows fall into them.
        """
        model: Any = self.model
        model.eval()
        total, tokens = 0.0, 0
        for batch in self.get_eval_dataloader():
            count = int((batch["labels"][:, 1:] != IGNORED).sum())
            loss, _logits, _labels = self.prediction_step(model, batch, True)
            total += loss.item() * count
            tokens += count
        # TRL keeps a mean over batches under each name; the exact one takes its place.
        self._metrics["eval"]["nll"] = [total / tokens]
        metrics = {VALIDATION_NLL: total / tokens}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        model.train()
        return metrics


def _router_figures(routed: RouterLosses, tuner: MoeLoraModel) -> dict[str, float]:
    """Return the router's losses and figures under the names they are logged by."""
    figures = {
        f"router/{name}": value
        for name, value in routed._asdict().items()
        if value is not None and name not in {"total", "expert_load"}
    }
    config: Any = tuner.peft_config[tuner.active_adapters[0]]
    figures |= {
        f"router/load/{name}": share
        for name, share in zip(config.expert_names, routed.expert_load, strict=True)
    }
    return {name: float(value.detach()) for name, value in figures.items()}
