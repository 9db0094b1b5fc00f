"""The cost ledger holds what runs took; prices are applied as it is read."""

from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import msgspec
import pytest

from caretune.errors import CaretuneError
from caretune.lineage import cost, journal
from caretune.lineage.cost import Entry, Usage

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PRICES = {"cpu": 0.1, "A100": 2.0, "H100": 3.0, "H100 NVL": 3.5}


def usage(**changed):
    """Return an hour on the CPU, with changes."""
    values = {
        "wall_s": 3600.0,
        "cpu_s": 7200.0,
        "peak_bytes": 100,
        "peak_child_bytes": 50,
        "exit_code": 0,
    }
    return Usage(**(values | changed))


def entry(run="a", minutes=0, **changed):
    """Return a run of `train@lora` that ended well, with changes."""
    values = {"stage": "train@lora", "commit": "c0ffee", "experiment": None, "usage": usage()}
    return Entry(run=run, start=START + timedelta(minutes=minutes), **(values | changed))


def begun(done):
    """Return the first line of a run."""
    return msgspec.structs.replace(done, usage=None)


def test_both_lines_of_a_run_are_one_entry(tmp_path):
    """The second line takes the place of the first, wherever the lines of other runs stand."""
    path = tmp_path / "cost" / "ledger.jsonl"
    for line in (begun(entry("a")), entry("b", 1), entry("a"), begun(entry("b", 1))):
        cost.append(path, line)
    assert cost.read(path) == ([entry("a"), entry("b", 1)], 0)


def test_a_line_says_all(tmp_path):
    """The file is what docs/formats.md says it is."""
    path = tmp_path / "ledger.jsonl"
    cost.append(path, begun(entry()))
    cost.append(path, entry())
    assert path.read_text() == (
        '{"commit":"c0ffee","experiment":null,"run":"a","stage":"train@lora",'
        '"start":"2026-11-20T12:00:00Z","usage":null}\n'
        '{"commit":"c0ffee","experiment":null,"run":"a","stage":"train@lora",'
        '"start":"2026-11-20T12:00:00Z","usage":{"cpu_s":7200.0,"device":"cpu","exit_code":0,'
        '"gpu_peak_bytes":null,"gpu_utilisation":null,"gpu_wh":null,"gpus":1,"peak_bytes":100,'
        '"peak_child_bytes":50,"wall_s":3600.0}}\n'
    )


def test_a_torn_line_is_counted_and_spoils_no_other(tmp_path):
    """A kill inside a line costs that line alone."""
    path = tmp_path / "ledger.jsonl"
    cost.append(path, entry("a"))
    with path.open("ab") as file:
        file.write(b'{"run":"b","stag')
    assert cost.read(path) == ([entry("a")], 1)
    cost.append(path, entry("c", 1))
    assert cost.read(path) == ([entry("a"), entry("c", 1)], 1)


def test_a_line_that_is_not_written_whole_is_an_error(tmp_path, monkeypatch):
    """A disk that fills up takes a part of a line and raises nothing itself."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    path = tmp_path / "ledger.jsonl"
    path.symlink_to(full)
    with pytest.raises(OSError, match="No space left"):
        cost.append(path, entry())
    monkeypatch.setattr(journal, "encode", lambda _entry: _Shrinking(b"{}"))
    with pytest.raises(OSError, match="only a part of the line was written; is the disk full"):
        cost.append(tmp_path / "other.jsonl", entry())


class _Shrinking(bytes):
    """Stands for bytes of which the disk takes fewer than there are."""

    def __add__(self, other):
        return _Shrinking(bytes(self) + bytes(other))

    __radd__ = __add__

    def __len__(self):
        return super().__len__() + 1


def _append_many(path, name):
    for number in range(200):
        cost.append(path, entry(f"{name}-{number}"))


def test_runs_side_by_side_never_mix_their_lines(tmp_path):
    """Four writers at once leave 800 whole lines."""
    path = tmp_path / "ledger.jsonl"
    context = get_context("spawn")
    writers = [context.Process(target=_append_many, args=(path, name)) for name in "abcd"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    ledger = cost.read(path)
    assert (len(ledger.entries), ledger.unreadable) == (800, 0)


def test_no_ledger_yet_says_what_begins_one(tmp_path):
    """The error names the file and the commands."""
    with pytest.raises(CaretuneError, match=r"no cost ledger yet\. `dvc repro` and `dvc exp run`"):
        cost.read(tmp_path / "ledger.jsonl")


@pytest.mark.parametrize(
    ("device", "price"),
    [
        pytest.param("cpu", 0.1, id="cpu"),
        pytest.param("NVIDIA A100-SXM4-80GB", 2.0, id="part of the name"),
        pytest.param("NVIDIA h100 80GB HBM3", 3.0, id="case does not matter"),
        pytest.param("NVIDIA H100 NVL", 3.5, id="the longest part counts"),
        pytest.param("NVIDIA L4", None, id="no price"),
    ],
)
def test_a_price_is_found_by_part_of_the_name(device, price):
    """A device without a price costs an unknown sum, not nothing."""
    assert cost.price(device, PRICES) == price
    assert cost.usd(1800, device, PRICES) == (None if price is None else price / 2)


def test_the_price_of_the_cpu_is_never_that_of_a_gpu():
    """A GPU whose name holds `cpu` is not this machine; a machine without a price has none."""
    assert cost.price("Grace cpu 7", {"cpu": 0.1}) is None
    assert cost.price("cpu", {"H100": 3.0}) is None


def test_several_devices_cost_several_times_as_much():
    """Two hours of four GPUs are eight."""
    assert cost.usd(7200, "H100", PRICES, count=4) == 24.0


def test_energy_is_estimated_by_the_formula():
    """CPU seconds times the assumed watts, and the samples of each GPU."""
    assert cost.kwh(usage(cpu_s=3600.0)) == pytest.approx(cost.WATTS_PER_CORE / 1000)
    assert cost.kwh(usage(cpu_s=0.0, gpus=2, gpu_wh=350.0)) == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(0, "done"), (1, "failed"), (2, "failed"), (75, "stopped"), (130, "stopped")],
)
def test_an_exit_code_is_an_outcome(code, outcome):
    """A stop at a limit, or by hand, is no failure."""
    assert entry(usage=usage(exit_code=code)).outcome == outcome


def test_sums_count_beside_them_what_is_not_known():
    """An unfinished run and a device without a price are no zeros."""
    found = cost.total(
        [
            entry("a"),
            entry("b", usage=usage(device="NVIDIA L4", gpu_wh=100.0, peak_child_bytes=400)),
            entry("c", usage=usage(exit_code=75)),
            entry("d", usage=usage(exit_code=2)),
            entry("e", usage=None),
        ],
        PRICES,
    )
    assert found._replace(kwh=0.0, usd=0.0) == cost.Sum(
        runs=5, hours=4.0, cpu_hours=8.0, peak_bytes=400, kwh=0.0, usd=0.0,
        unpriced=1, failed=1, stopped=1, unfinished=1,
    )  # fmt: skip
    assert found.usd == pytest.approx(0.3)
    assert found.kwh == pytest.approx(0.18)


def test_no_run_is_a_sum_of_nothing():
    """Empty sums are zeros."""
    assert cost.total([], PRICES) == (0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
