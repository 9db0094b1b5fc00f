"""Device and attention: what is asked for by name is given or refused."""

from types import SimpleNamespace

import pytest
import torch

from caretune.errors import ModelError
from caretune.model import machine


@pytest.fixture(autouse=True)
def no_rank(monkeypatch):
    """No launcher's rank from outside."""
    monkeypatch.delenv("LOCAL_RANK", raising=False)


@pytest.fixture
def no_gpu(monkeypatch):
    """A machine without a GPU, whatever runs the tests."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def gpu(monkeypatch):
    """Give a function that puts a GPU of some kind into the machine."""

    def install(
        *, name="NVIDIA H100 80GB HBM3", capability=(9, 0), bfloat16=True, flash=True
    ) -> None:
        found = SimpleNamespace(name=name, total_memory=85 * 10**9)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: bfloat16)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: found)
        monkeypatch.setattr(machine.importlib.util, "find_spec", lambda _: flash or None)

    return install


def test_auto_takes_the_cpu_where_there_is_no_gpu(no_gpu):
    """Without a GPU: the CPU, SDPA, and this machine's memory."""
    chosen = machine.choose("auto", "auto", "float32")
    assert (chosen.device, chosen.name, chosen.attention) == ("cpu", "cpu", "sdpa")
    assert chosen.memory_bytes > 2**30


def test_auto_takes_the_gpu_and_flash_attention(gpu):
    """With a GPU, the package and bfloat16: all three."""
    gpu()
    assert machine.choose("auto", "auto", "bfloat16") == machine.Machine(
        "cuda", "NVIDIA H100 80GB HBM3", "bfloat16", "flash_attention_2", 85 * 10**9
    )


def test_each_process_of_a_launcher_takes_its_own_gpu(gpu, monkeypatch):
    """LOCAL_RANK picks the GPU; all bases on the first would not fit."""
    gpu()
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert machine.choose("cuda", "sdpa", "bfloat16").device == "cuda:1"


def test_the_cpu_asked_for_by_name_is_taken_beside_a_gpu(gpu):
    """`cpu` means the CPU."""
    gpu()
    assert machine.choose("cpu", "auto", "float32").device == "cpu"


def test_a_gpu_asked_for_by_name_and_absent_is_refused(no_gpu):
    """No silent fall to the CPU."""
    with pytest.raises(ModelError, match=r"finds none here; set params\.train\.device to auto"):
        machine.choose("cuda", "auto", "float32")


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_bfloat16_without_a_gpu_is_refused(no_gpu, device):
    """bfloat16 runs where the device has it, never emulated."""
    with pytest.raises(ModelError, match=r"bfloat16 needs a GPU.*params\.base\.dtype to float32"):
        machine.choose(device, "auto", "bfloat16")


def test_bfloat16_on_a_gpu_that_emulates_it_is_refused(gpu):
    """A Turing GPU counts as one without bfloat16."""
    gpu(capability=(7, 5), bfloat16=False)
    with pytest.raises(ModelError, match="bfloat16 needs a GPU"):
        machine.choose("auto", "auto", "bfloat16")


@pytest.mark.parametrize(
    ("dtype", "kind", "words"),
    [
        pytest.param("bfloat16", {"flash": False}, "the package flash-attn", id="no package"),
        pytest.param("float32", {}, "bfloat16, and it is float32", id="float32"),
        pytest.param("float32", {"capability": (7, 5)}, "this GPU has 7.5", id="old device"),
    ],
)
def test_flash_attention_is_taken_only_where_it_runs(gpu, dtype, kind, words):
    """`auto` goes to SDPA; asked for by name, the error says what is lacking."""
    gpu(**kind)
    assert machine.choose("auto", "auto", dtype).attention == "sdpa"
    with pytest.raises(ModelError, match=words):
        machine.choose("auto", "flash_attention_2", dtype)


def test_flash_attention_on_a_cpu_is_refused(no_gpu):
    """The error names the key."""
    with pytest.raises(ModelError, match=r"needs a GPU.*set params\.train\.attention to auto"):
        machine.choose("auto", "flash_attention_2", "float32")


def test_another_attention_by_name_is_kept(gpu):
    """`eager` stays `eager`."""
    gpu()
    assert machine.choose("auto", "eager", "bfloat16").attention == "eager"


def test_a_known_gpu_has_the_speed_its_maker_states():
    """The GPU's name holds the table's."""
    h200 = machine.Machine("cuda", "NVIDIA H200", "bfloat16", "sdpa", 1)
    assert machine.peak_flops(h200) == 989e12


def test_float32_has_a_speed_of_its_own():
    """Without TF32, which torch leaves off, float32 is far slower."""
    a100 = machine.Machine("cuda", "NVIDIA A100-SXM4-80GB", "float32", "sdpa", 1)
    assert machine.peak_flops(a100) == 19.5e12


def test_an_unknown_device_is_measured(no_gpu, monkeypatch):
    """A CPU's speed is that of a product made now."""
    monkeypatch.setitem(machine._MATMUL, "cpu", 64)
    assert machine.peak_flops(machine.choose("cpu", "auto", "float32")) > 0
