"""The micro-batch is halved until it fits, and nothing else changes."""

import copy

import pytest
import torch
from torch import nn
from trl.trainer.sft_config import SFTConfig

from caretune.errors import ModelError
from caretune.model import adapter, base
from caretune.training import probe, rows
from caretune.training.collator import Collator
from caretune.training.moe_trainer import MoeTrainer
from tests.fixtures.models import EXPERTS, dialogues, moe_lora
from tests.fixtures.steps import PREPARED


class Memory:
    """A step that runs out of memory above a number of rows, as a device does."""

    def __init__(self, model: nn.Module, rows: int, error: Exception | None = None) -> None:
        self.model, self.rows = model, rows
        self.error = error or torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")
        self.asked: list[int] = []
        self.gradient_before: list[bool] = []

    def __call__(self, rows: int) -> None:
        """Run forward and backward, or out of memory."""
        self.asked.append(rows)
        self.gradient_before.append(self.model.weight.grad is not None)
        self.model.train(not self.model.training)
        if rows > self.rows:
            raise self.error
        self.model(torch.rand(rows, 4)).sum().backward()


@pytest.fixture
def model():
    """A layer with random weights."""
    torch.manual_seed(0)
    return nn.Linear(4, 2)


@pytest.mark.parametrize(
    ("batch_size", "accumulation", "rows", "found"),
    [
        pytest.param(8, 1, 8, (8, 1), id="fits"),
        pytest.param(8, 1, 3, (2, 4), id="halved twice"),
        pytest.param(4, 2, 1, (1, 8), id="one row"),
        pytest.param(3, 2, 2, (1, 6), id="three has no half"),
        pytest.param(9, 1, 4, (3, 3), id="nine goes to three"),
    ],
)
def test_the_effective_batch_stays(model, batch_size, accumulation, rows, found):
    """Rows times passes is what was asked for, whatever fits."""
    fit = probe.fit(model, Memory(model, rows), batch_size, accumulation, longest=9)
    assert fit == found
    assert fit.batch_size * fit.accumulation == batch_size * accumulation


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
    ],
    ids=["cuda", "cpu", "cublas"],
)
def test_every_way_to_run_out_counts(model, error):
    """A device says it in several words."""
    assert probe.fit(model, Memory(model, 1, error), 2, 1, longest=9) == (1, 2)


def test_another_error_is_not_taken_for_memory(model):
    """A fault in the step comes out as it is."""
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        probe.fit(
            model, Memory(model, 0, RuntimeError("shapes cannot be multiplied")), 2, 1, longest=9
        )


def test_one_row_too_many_is_one_sentence(model):
    """Where not even one row fits, the error says how long it is and what to lower."""
    words = (
        r"one row of 8192 tokens needs more than the memory here; lower params\.train\.max_length"
    )
    with pytest.raises(ModelError, match=words):
        probe.fit(model, Memory(model, 0), 4, 1, longest=8192)


def test_the_gpus_memory_is_told(model, monkeypatch):
    """On a GPU the error has free and all memory."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (3 * 2**30, 80 * 2**30))
    fake = nn.Module()
    fake.parameters = lambda: iter([type("Weight", (), {"device": torch.device("cuda")})()])
    assert probe._memory(fake) == "3.0 GiB free of 80.0 GiB GPU memory"


def test_each_size_is_tried_beside_gradients(model):
    """The second pass has the first one's gradients in memory, as an accumulated step has."""
    step = Memory(model, 2)
    probe.fit(model, step, 4, 1, longest=9)
    assert step.asked == [4, 2, 2]
    assert step.gradient_before == [False, False, True]


def test_nothing_is_left_behind(model):
    """Weights, random states, training mode and gradients are as before."""
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    probe.fit(model, Memory(model, 1), 4, 1, longest=9)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training
    assert all(weight.grad is None for weight in model.parameters())


def test_a_changed_random_state_would_be_seen():
    """The step of these tests does draw random numbers."""
    state = torch.get_rng_state()
    Memory(nn.Linear(4, 2), 1)(1)
    assert not torch.equal(torch.get_rng_state(), state)


class Objective:
    """An objective that asks for whole logits, and may run out of memory."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.seen: set[tuple[torch.dtype, bool, bool]] = set()

    def reference(self, _model: nn.Module) -> None:
        """Compare with no base."""

    def loss(self, model: nn.Module, _step: int):
        """Note in what type logits come, in training and under autocast, or fail."""
        if self.error:
            raise self.error
        logits = model(input_ids=torch.arange(6)[None]).logits
        self.seen.add((logits.dtype, model.training, torch.is_autocast_enabled("cpu")))
        return logits.mean(), {}

    def validate(self, _model: nn.Module) -> dict[str, float]:
        """Measure nothing."""
        return {}


@pytest.fixture
def trainer(tiny_base, tmp_path):
    """A trainer under bfloat16 autocast, activations checkpointed, with an objective."""
    loaded = base.load(tiny_base)
    return MoeTrainer(
        model=adapter.add(loaded.model, moe_lora(), 1),
        args=SFTConfig(
            output_dir=str(tmp_path),
            max_steps=1,
            per_device_train_batch_size=2,
            activation_checkpointing=True,
            activation_checkpointing_kwargs={"use_reentrant": False},
            bf16=True,
            **PREPARED,
        ),
        data_collator=Collator(loaded.tokenizer),
        train_dataset=rows.prepare(loaded.tokenizer, dialogues(4), 256, EXPERTS).dataset,
        processing_class=loaded.tokenizer,
        objectives=Objective(),
    )


def computed(trainer: MoeTrainer, work) -> set[tuple[torch.dtype, torch.dtype, bool, bool]]:
    """Return how a layer of the first block computes while `work` runs."""
    block = trainer.model.get_base_model().model.layers[0]
    seen = set()

    def note(_, inputs, output):
        seen.add((inputs[0].dtype, output.dtype, block.training, torch.is_grad_enabled()))

    hook = block.mlp.down_proj.register_forward_hook(note)
    work()
    hook.remove()
    return seen


def test_what_is_tried_is_what_is_trained(trainer):
    """Types, training mode and checkpointed activations are those of the training."""
    tried = computed(trainer, lambda: probe.fit_to_memory(trainer))
    checkpointed = trainer.model.is_gradient_checkpointing
    objective, trainer._objectives = trainer._objectives, Objective()
    trained = computed(trainer, trainer.train)
    assert tried == trained
    assert checkpointed
    assert objective.seen == trainer._objectives.seen == {(torch.float32, True, True)}


def test_objectives_that_do_not_fit_are_one_sentence(trainer):
    """A smaller micro-batch would not help them, so the error says what would."""
    trainer._objectives = Objective(torch.OutOfMemoryError("CUDA out of memory."))
    words = r"a batch of the objectives needs more than the memory here; lower params\.train\.obj"
    with pytest.raises(ModelError, match=words):
        probe.fit_to_memory(trainer)


def test_a_training_without_objectives_is_tried_too(trainer):
    """The rows alone are tried, and what was patched in is gone."""
    trainer._objectives = None
    forward = trainer.model.forward
    probe.fit_to_memory(trainer)
    assert trainer.model.forward == forward
    assert trainer.args.per_device_train_batch_size == 2
