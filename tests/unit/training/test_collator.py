"""Batches are padded by place or joined, and joined conversations do not see each other."""

import pickle
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from caretune.model import base
from caretune.training import rows
from caretune.training.collator import Collator
from tests.fixtures.models import EXPERTS, dialogues


@pytest.fixture(scope="module")
def loaded(tiny_base: Path):
    """Load the tiny base."""
    return base.load(tiny_base)


def _rows(loaded, *, packing: bool, experts=EXPERTS) -> list[dict]:
    return list(rows.prepare(loaded.tokenizer, dialogues(4), 400, experts, packing=packing).dataset)


@pytest.fixture(scope="module")
def joined(loaded) -> dict:
    """Join four packed dialogues."""
    return Collator(loaded.tokenizer)(_rows(loaded, packing=True))


def test_padding_is_masked_and_no_label(loaded):
    """Unpacked rows are padded on the right; mask and labels leave the padding out."""
    made = _rows(loaded, packing=False)
    batch = Collator(loaded.tokenizer)(made)
    longest = max(len(row["input_ids"]) for row in made)
    assert batch["input_ids"].shape == (4, longest)
    assert batch["attention_mask"].sum(1).tolist() == [len(row["input_ids"]) for row in made]
    assert (batch["labels"][batch["attention_mask"] == 0] == rows.IGNORED).all()
    assert batch["domain_ids"].tolist() == [row["domain_ids"] for row in made]


def test_joined_rows_have_no_padding_and_no_mask(loaded, joined):
    """All tokens stand in one row; positions begin anew with each conversation."""
    lengths = [n for row in _rows(loaded, packing=True) for n in row["seq_lengths"]]
    assert set(joined["input_ids"].shape) == {1, sum(lengths)}
    assert "attention_mask" not in joined
    assert joined["position_ids"][0].tolist() == [place for n in lengths for place in range(n)]
    assert joined["domain_ids"].shape == joined["labels"].shape == joined["input_ids"].shape


def test_joined_weights_stand_by_token(loaded):
    """A weight of a row is that of each of its tokens."""
    row = {"input_ids": [3, 4, 5], "labels": [-100, 4, 5], "seq_lengths": [2, 1]}
    batch = Collator(loaded.tokenizer)([row | {"loss_weights": [2.0, 2.0, 1.0]}])
    assert batch["loss_weights"].tolist() == [[2.0, 2.0, 1.0]]


def test_plain_lora_gets_no_domain(loaded):
    """Without experts no such key reaches the model."""
    for packing in (False, True):
        batch = Collator(loaded.tokenizer)(_rows(loaded, packing=packing, experts=None))
        assert {"domain_ids", "loss_weights"}.isdisjoint(batch)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_joined_conversations_do_not_see_each_other(attention, loaded, joined):
    """Each conversation's logits are those that it has alone."""
    loaded.model.set_attn_implementation(attention)
    places = joined["position_ids"][0]
    starts = [*torch.nonzero(places == 0).flatten().tolist(), len(places)]
    with torch.inference_mode():
        together = loaded.model(
            input_ids=joined["input_ids"], position_ids=joined["position_ids"], use_cache=False
        ).logits[0]
        for start, end in pairwise(starts):
            alone = loaded.model(input_ids=joined["input_ids"][:, start:end]).logits[0]
            assert (together[start:end] - alone).abs().max() < 1e-5
    loaded.model.set_attn_implementation("sdpa")


@pytest.mark.parametrize("wrong", [{"use_cache": True}, {"attention_mask": True}], ids=str)
def test_cache_or_mask_would_let_them_see_each_other(wrong, loaded, joined):
    """The test above can fail: a cache, or a mask of ones, and rows mix in silence."""
    if "attention_mask" in wrong:
        wrong = {"attention_mask": torch.ones_like(joined["input_ids"]), "use_cache": False}
    given = {name: joined[name] for name in ("input_ids", "position_ids")}
    with torch.inference_mode():
        apart = loaded.model(**given, use_cache=False).logits
        mixed = loaded.model(**given, **wrong).logits
    assert (apart - mixed).abs().max() > 0.01


def test_padding_that_equals_the_end_still_trains_the_end(loaded, tiny_base):
    """Padding is told by its place, not by its id: the end of a reply keeps label and mask."""
    made = _rows(loaded, packing=False)
    tokenizer = base.load(tiny_base).tokenizer
    tokenizer.pad_token = tokenizer.eos_token
    batch = Collator(tokenizer)(made)
    end = tokenizer.eos_token_id
    said = sum(label == end for row in made for label in row["labels"])
    assert said >= len(made)
    assert int((batch["labels"] == end).sum()) == said
    assert batch["attention_mask"].sum() == sum(len(row["input_ids"]) for row in made)


def test_workers_can_take_it(loaded):
    """It pickles, as a loader with processes of its own needs."""
    again = pickle.loads(pickle.dumps(Collator(loaded.tokenizer)))
    made = _rows(loaded, packing=True)
    assert torch.equal(again(made)["labels"], Collator(loaded.tokenizer)(made)["labels"])
