"""Batches are padded where nothing is trained, and know each row's domain."""

from caretune.training.collator import DomainCollator

ROWS = [
    {"input_ids": [5, 6, 7], "labels": [-100, 6, 7], "domain_ids": 2},
    {"input_ids": [8, 9], "labels": [-100, 9], "domain_ids": -100},
]


def test_padding_trains_nothing():
    """Padding is masked, and its label is ignored."""
    batch = DomainCollator(pad_token_id=0)(ROWS)
    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 9, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
    assert batch["labels"].tolist() == [[-100, 6, 7], [-100, 9, -100]]


def test_domains_stand_beside_the_rows():
    """Each row keeps its domain."""
    assert DomainCollator(pad_token_id=0)(ROWS)["domain_ids"].tolist() == [2, -100]


def test_rows_without_domain_give_none():
    """A plain adapter's rows have no domain, and its batches no such key."""
    plain = [{key: row[key] for key in ("input_ids", "labels")} for row in ROWS]
    assert set(DomainCollator(pad_token_id=0)(plain)) == {"input_ids", "attention_mask", "labels"}
