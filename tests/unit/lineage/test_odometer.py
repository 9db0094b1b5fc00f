"""How often models were judged on a test split."""

import pytest
from structlog.testing import capture_logs

from caretune.errors import RecordError
from caretune.lineage import odometer
from caretune.lineage.odometer import Read


def read(test="t1", adapter="a1", **changes):
    """Build a judgement."""
    return Read(test=test, judged={"adapter/moe_lora": adapter}, at="2026-01-01", **changes)


def test_no_ledger_is_no_read(tmp_path):
    """Nothing was judged."""
    assert odometer.count(tmp_path / "reads.jsonl") == {}


def test_other_weights_on_the_same_split_are_another_read(tmp_path):
    """Each split has its own count."""
    path = tmp_path / "deep/reads.jsonl"
    for one in (read(), read(adapter="a2"), read(test="t2")):
        assert odometer.append(path, one)
    assert odometer.count(path) == {"t1": 2, "t2": 1}


def test_the_same_weights_again_are_no_new_read(tmp_path):
    """Whenever, and in whatever experiment: it tells nothing new."""
    path = tmp_path / "reads.jsonl"
    assert odometer.append(path, read())
    assert not odometer.append(path, read(experiment="again"))
    assert [one.experiment for one in odometer.reads(path)] == [""]


def test_a_damaged_ledger_is_named(tmp_path):
    """A count that is not known is not zero."""
    path = tmp_path / "reads.jsonl"
    path.write_text("{}\n")
    with pytest.raises(RecordError, match=r"reads\.jsonl line 1: .*`test`"):
        odometer.count(path)


def test_a_torn_last_line_blocks_nothing(tmp_path):
    """A kill inside a line costs that line alone: it is said, and judged and put down again."""
    path = tmp_path / "reads.jsonl"
    odometer.append(path, read())
    with path.open("ab") as file:
        file.write(b'{"at":"2026-01-01","judg')
    with capture_logs() as logs:
        assert odometer.append(path, read(adapter="a2"))
    assert [(log["event"], log["line"]) for log in logs] == [("torn_line_passed_over", 2)]
    assert odometer.count(path) == {"t1": 2}
