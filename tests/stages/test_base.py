"""The base stage builds a rehearsal base, or takes the checkpoint that params name."""

from pathlib import Path
from typing import Any

import pytest

from caretune import records
from caretune.errors import ModelError
from caretune.model import base
from caretune.params import loader
from stages import base as stage
from tests.fixtures.models import dialogues

SMALL = {
    "vocabulary": 300,
    "hidden_size": 16,
    "intermediate_size": 32,
    "layers": 1,
    "attention_heads": 2,
    "key_value_heads": 1,
    "steps": 3,
    "batch_size": 2,
    "sequence": 32,
}


def _run(folder: Path, write_params, **changed: Any) -> Path:
    records.write(folder / "train.jsonl", dialogues(20))
    params = write_params({"base": {"threads": 1, "rehearsal": SMALL} | changed})
    stage.main(
        train=folder / "train.jsonl",
        out=folder / "base",
        metrics=folder / "metrics.json",
        timing=folder / "timing.json",
        scratch=folder / "resume",
        params=params,
    )
    return folder


def test_rehearsal_is_built(tmp_path, write_params):
    """20 rows become a base that loads, with its figures, and its times apart."""
    folder = _run(tmp_path, write_params)
    record = base.load(folder / "base").record
    metrics = records.read_json(folder / "metrics.json")
    assert metrics["base"]["weights_sha256"] == record.weights_sha256
    assert metrics["training"]["rows"] == 20
    assert metrics["training"]["trained_tokens"] == 3 * 2 * 32
    assert set(records.read_json(folder / "timing.json")) == {"seconds", "tokens_per_second"}


def test_figures_hold_no_time(tmp_path, write_params):
    """Two runs write the same base and the same figures."""
    first = _run(tmp_path / "first", write_params)
    second = _run(tmp_path / "second", write_params)
    assert (first / "metrics.json").read_bytes() == (second / "metrics.json").read_bytes()


def test_checkpoint_is_taken(tmp_path, write_params, nemo_checkpoint):
    """A folder in `source` takes the place of the rehearsal; nothing is trained."""
    folder = _run(tmp_path, write_params, source=str(nemo_checkpoint))
    assert base.load(folder / "base").record.kind == "checkpoint"
    assert records.read_json(folder / "metrics.json")["training"] is None


def test_unpinned_hub_id_is_refused(tmp_path, write_params):
    """A hub id without its commit is refused before anything is written."""
    with pytest.raises(ModelError, match="needs its commit"):
        _run(tmp_path, write_params, source="someone/small")
    assert not (tmp_path / "base").exists()


def test_missing_template_is_named(tmp_path, write_params):
    """A template path that leads nowhere is one sentence."""
    with pytest.raises(ModelError, match=r"own\.jinja: no such chat template"):
        _run(tmp_path, write_params, template="own.jinja")


def test_default_rehearsal_is_of_the_promised_size():
    """The base that ships by default has 2 to 4 million parameters (counted from its shape)."""
    r = loader.load(Path("params.yaml")).base.rehearsal
    head = r.hidden_size // r.attention_heads
    attention = 2 * r.hidden_size * head * (r.attention_heads + r.key_value_heads)
    block = attention + 3 * r.hidden_size * r.intermediate_size
    assert 2e6 <= r.vocabulary * r.hidden_size + r.layers * block <= 4e6
