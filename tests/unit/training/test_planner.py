"""A plan says what a training takes, and where each figure comes from."""

from dataclasses import replace

import pytest
from transformers import LlamaConfig

from caretune.errors import ModelError
from caretune.training import footprint, planner
from caretune.training import rows as training_rows
from tests.fixtures.models import moe_lora

GIB = 2**30
DEVICE = planner.Device("H100", 10 * GIB, peak_flops=1e12, usd_per_hour=3.0)
SCHEDULE = planner.Schedule(steps=10, accumulation=2)
WAY = footprint.Way("float32", "sdpa", 4, 100, packing=False, gradient_checkpointing=False)
LENGTHS = [50, 100, 300]


@pytest.fixture(scope="module")
def size():
    """A small base with a MoE-LoRA."""
    config = LlamaConfig(
        vocab_size=512,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    return footprint.shape(config, moe_lora())


def test_tokens_of_an_epoch_are_cut_at_the_limit(size):
    """A longer row counts as cut: 50 + 100 + 100."""
    assert planner.plan(size, WAY, SCHEDULE, DEVICE, LENGTHS).epoch_tokens == 250


def test_tokens_of_a_run_are_those_of_its_rows(size):
    """10 steps of 2 x 4 rows of 83.3 tokens."""
    assert planner.plan(size, WAY, SCHEDULE, DEVICE, LENGTHS).run_tokens == round(80 * 250 / 3)


def test_packed_rows_are_full(size):
    """10 steps of 2 x 4 rows of 100 tokens."""
    packed = WAY._replace(packing=True)
    assert planner.plan(size, packed, SCHEDULE, DEVICE, LENGTHS).run_tokens == 8000


@pytest.mark.parametrize(
    ("attention", "attended"),
    [
        pytest.param("sdpa", 4 * 100, id="sdpa"),
        pytest.param("flash_attention_2", 250 / 3, id="flash"),
    ],
)
def test_packed_rows_are_joined_unless_flash_attention_keeps_them_apart(size, attention, attended):
    """SDPA multiplies the 4 x 100 tokens of a batch with each other; flash the mean conversation."""
    packed = WAY._replace(packing=True, attention=attention)
    made = planner.plan(size, packed, SCHEDULE, DEVICE, LENGTHS)
    assert made.work == footprint.work(size, attended, gradient_checkpointing=False)


def test_memory_is_that_of_the_longest_row_there_is(size):
    """A limit of 100,000 tokens costs nothing where no row is so long."""
    wide = WAY._replace(length=100_000)
    made = planner.plan(size, wide, SCHEDULE, DEVICE, LENGTHS)
    assert made.memory == footprint.memory(size, WAY._replace(length=300))


def test_packing_fills_the_limit(size):
    """Packed rows are as long as the limit, whatever the rows."""
    packed = WAY._replace(packing=True, length=1000)
    made = planner.plan(size, packed, SCHEDULE, DEVICE, LENGTHS)
    assert made.memory == footprint.memory(size, packed)


def test_a_measured_speed_goes_before_the_assumption(size):
    """Seconds follow from it, and the plan says so."""
    made = planner.plan(size, WAY, SCHEDULE, DEVICE, LENGTHS, measured_tokens_per_second=1000.0)
    assert made.seconds == pytest.approx(made.run_tokens / 1000)
    assert "1,000 tokens/s" in "\n".join(planner.lines(made))
    assert "(measured)" in "\n".join(planner.lines(made))


def test_the_assumed_speed_is_named(size):
    """Without a measurement: 40 % of the device's peak, in as many words."""
    made = planner.plan(size, WAY, SCHEDULE, DEVICE, LENGTHS)
    assert made.tokens_per_second == pytest.approx(0.4 * 1e12 / made.work.hardware)
    assert "assumed: 40% of the device's peak" in "\n".join(planner.lines(made))


def test_utilisation_counts_what_the_mathematics_asks(size):
    """MFU is below the assumed share, since the logits are computed twice."""
    made = planner.plan(size, WAY, SCHEDULE, DEVICE, LENGTHS)
    assert made.mfu == pytest.approx(0.4 * made.work.model / made.work.hardware)
    assert made.mfu < 0.4


def test_cost_is_price_times_time(size):
    """3 dollars an hour for 6,667 seconds."""
    made = planner.plan(size, WAY, SCHEDULE, DEVICE, LENGTHS, measured_tokens_per_second=1.0)
    assert made.cost_usd == pytest.approx(3.0 * made.run_tokens / 3600)


def test_no_price_is_no_cost(size):
    """A device without a price costs nothing known, not nothing."""
    made = planner.plan(size, WAY, SCHEDULE, replace(DEVICE, usd_per_hour=None), LENGTHS)
    assert made.cost_usd is None
    assert "no price given" in "\n".join(planner.lines(made))


def test_devices_side_by_side_share_the_work(size):
    """Two devices take twice the rows in the same time, at twice the price."""
    one = planner.plan(size, WAY, SCHEDULE, DEVICE, LENGTHS)
    two = planner.plan(size, WAY, SCHEDULE, replace(DEVICE, count=2), LENGTHS)
    assert two.run_tokens == pytest.approx(2 * one.run_tokens, rel=1e-3)
    assert two.seconds == pytest.approx(one.seconds, rel=1e-3)
    assert two.cost_usd == pytest.approx(2 * one.cost_usd, rel=1e-3)
    assert "on 2 devices" in "\n".join(planner.lines(two))


@pytest.mark.parametrize(
    ("window_hours", "inside", "word"),
    [
        pytest.param(2.0, True, "ends inside 2 h", id="inside"),
        pytest.param(1.5, False, "DOES NOT END inside 1.5 h", id="outside"),
    ],
)
def test_the_window_is_judged(size, window_hours, inside, word):
    """6,667 seconds fit two hours, not one and a half."""
    schedule = replace(SCHEDULE, window_hours=window_hours)
    made = planner.plan(size, WAY, schedule, DEVICE, LENGTHS, measured_tokens_per_second=1.0)
    assert made.in_window is inside
    assert word in planner.lines(made)[-1]


def test_without_a_window_nothing_is_judged(size):
    """No window: no verdict and no line."""
    made = planner.plan(size, WAY, SCHEDULE, DEVICE, LENGTHS)
    assert made.in_window is None
    assert not any(line.startswith("window") for line in planner.lines(made))


def test_a_step_that_does_not_fit_is_told(size):
    """The total must leave the reserve free."""
    made = planner.plan(size, WAY, SCHEDULE, DEVICE, LENGTHS)
    exact = replace(DEVICE, memory_bytes=made.memory.total)
    tight = planner.plan(size, WAY, SCHEDULE, exact, LENGTHS)
    assert made.fits
    assert not tight.fits
    assert "DOES NOT FIT" in planner.lines(tight)[1]


def test_every_part_of_the_memory_is_shown(size):
    """The second line of memory names each part."""
    line = planner.lines(planner.plan(size, WAY, SCHEDULE, DEVICE, LENGTHS))[2]
    assert [part.split()[0] for part in line.split(",")] == list(footprint.Memory._fields)


def test_no_rows_are_refused_in_the_words_of_the_training(size):
    """A plan and a training of an empty split say the same sentence."""
    with pytest.raises(ModelError) as planned:
        planner.plan(size, WAY, SCHEDULE, DEVICE, [])
    with pytest.raises(ModelError) as trained:
        training_rows.prepare(None, [], 100, None)
    assert str(planned.value) == str(trained.value)


@pytest.mark.parametrize(
    ("packing", "attention", "batches"),
    [
        pytest.param(True, "sdpa", {1}, id="joined rows: a smaller batch is quicker"),
        pytest.param(True, "flash_attention_2", {64}, id="flash attention keeps them apart"),
        pytest.param(False, "sdpa", {64}, id="not packed"),
    ],
)
def test_the_quickest_batch_that_fits_is_listed(size, packing, attention, batches):
    """SDPA multiplies all packed rows of a batch with each other: one at a time is quickest."""
    wide = replace(DEVICE, memory_bytes=100_000 * GIB)
    way = WAY._replace(packing=packing, attention=attention)
    options = planner.recommend(size, way, wide, 12.0, row_length=80.0)
    assert len(options) == 10
    assert {option.batch_size for option in options} == batches


def test_every_option_fits_and_the_next_batch_would_not(size):
    """The micro-batch is the largest power of two, up to 64."""
    small = replace(DEVICE, memory_bytes=3 * GIB)
    options = planner.recommend(size, WAY, small, 12.0)
    assert options
    for option in options:
        way = WAY._replace(
            length=option.length,
            gradient_checkpointing=option.gradient_checkpointing,
            batch_size=2 * option.batch_size,
        )
        assert option.memory_bytes <= 0.95 * small.memory_bytes
        assert option.batch_size == 64 or (
            footprint.memory(size, way).total > 0.95 * small.memory_bytes
        )


def test_a_longer_row_leaves_room_for_fewer(size):
    """With length, the micro-batch never grows."""
    options = planner.recommend(size, WAY, replace(DEVICE, memory_bytes=3 * GIB), 12.0)
    plain = [o.batch_size for o in options if not o.gradient_checkpointing]
    assert plain == sorted(plain, reverse=True)


def test_a_device_too_small_for_the_base_has_no_option(size):
    """Nothing fits, and nothing is offered."""
    assert planner.recommend(size, WAY, replace(DEVICE, memory_bytes=1000), 12.0) == []


def test_a_window_holds_its_seconds_of_tokens(size):
    """Twelve hours of the assumed speed; the table shows it."""
    option = planner.recommend(size, WAY, DEVICE, 12.0, row_length=80.0)[0]
    assert option.window_tokens == int(option.tokens_per_second * 12 * 3600)
    assert f"{option.window_tokens:,}" in planner.option_lines([option])[1]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(12.4, "12 s"), (200, "3 min 20 s"), (7500, "2 h 05 min"), (3599.9, "1 h 00 min")],
)
def test_a_time_is_told_in_two_units(seconds, said):
    """Hours and minutes, minutes and seconds, or seconds."""
    assert planner.duration(seconds) == said
