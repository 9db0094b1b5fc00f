"""Intervals over families: what they promise, at their ends and in the long run."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from caretune.evaluation import bootstrap
from caretune.evaluation.bootstrap import MIN_FAMILIES, Plan, Totals

PLAN = Plan(resamples=400, confidence=0.95, seed=3)
ALPHA = 1 - PLAN.confidence


def ones(hits):
    """One item a family: 1 where `hits`, else 0."""
    return Totals(np.array(hits, dtype=float), np.ones(len(hits)))


def nats(generator, families, drift=0.0):
    """Families of one to three conversations; returns candidate and baseline totals."""
    tokens = generator.gamma(4, 50, families) * generator.integers(1, 4, families)
    baseline = generator.normal(4.8, 0.5, families)
    candidate = baseline + drift + generator.normal(0, 0.1, families)
    return Totals(candidate * tokens, tokens), Totals(baseline * tokens, tokens)


def difference(candidate, baseline, plan=PLAN, *, share=False, link=np.positive):
    """Return candidate minus baseline."""
    return bootstrap.difference(candidate, baseline, link, plan, share=share)


def ratio(sample, plan=PLAN, *, share=False, link=np.positive):
    """Return the linked ratio."""
    return bootstrap.ratio(sample, link, plan, share=share)


def test_totals_sum_items_by_family():
    """Two items of one family are one unit."""
    found = bootstrap.totals(["b", "a", "b"], np.array([1.0, 5.0, 2.0]), np.array([1.0, 1.0, 4.0]))
    assert found.numerators.tolist() == [5.0, 3.0]
    assert found.denominators.tolist() == [1.0, 5.0]


def test_the_value_weighs_items_by_their_denominators():
    """Ten nats over four tokens are 2.5 nats a token, whoever said them."""
    sample = Totals(np.array([1.0, 9.0]), np.array([1.0, 3.0]))
    assert ratio(sample).value == 2.5


def test_few_families_give_a_value_without_interval():
    """Below MIN_FAMILIES there is no interval; from there on there is one."""
    few, enough = (
        ones([0, 1] * (n // 2) + [1] * (n % 2)) for n in (MIN_FAMILIES - 1, MIN_FAMILIES)
    )
    assert ratio(few)[1:] == (None, None, None)
    assert ratio(enough).low is not None


@settings(max_examples=25, deadline=None)
@given(
    st.integers(MIN_FAMILIES, 40),
    st.integers(0, 10**6),
    st.sampled_from([0.5, 0.8, 0.95]),
)
def test_an_interval_holds_its_value_and_widens_with_confidence(families, seed, confidence):
    """The value lies between low and high, and more confidence never narrows."""
    candidate, baseline = nats(np.random.default_rng(seed), families)
    found = difference(candidate, baseline, Plan(200, confidence, seed))
    wider = difference(candidate, baseline, Plan(200, 0.99, seed))
    assert found.low <= found.value <= found.high
    assert wider.low <= found.low
    assert found.high <= wider.high


@settings(max_examples=25, deadline=None)
@example(hits=[True] * 13, seed=0)  # Wilson's upper end is 0.9999999999999999 in floats
@given(hits=st.lists(st.booleans(), min_size=MIN_FAMILIES, max_size=40), seed=st.integers(0, 99))
def test_a_share_stays_between_0_and_1(hits, seed):
    """Whatever is drawn, a share's interval lies in 0..1 and is never a point."""
    found = ratio(ones(hits), Plan(200, 0.95, seed), share=True)
    assert 0.0 <= found.low <= found.value <= found.high <= 1.0
    assert found.low < found.high


def test_equal_seeds_give_equal_intervals():
    """The same seed draws the same families; another one others."""
    sample = nats(np.random.default_rng(1), 30)[0]
    assert ratio(sample) == ratio(sample)
    assert ratio(sample) != ratio(sample, PLAN._replace(seed=4))


def test_the_order_of_resamples_is_not_cut_by_chunks(monkeypatch):
    """Drawing in smaller chunks changes memory, not one figure."""
    sample = nats(np.random.default_rng(1), 30)[0]
    whole = ratio(sample)
    monkeypatch.setattr(bootstrap, "_CHUNK", 7)
    assert ratio(sample) == pytest.approx(whole)


def test_no_hit_is_not_zero():
    """0 of 60 leaves room up to Wilson's bound z^2 / (n + z^2), about 6 %."""
    found = ratio(ones([0] * 60), share=True)
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(1.96**2 / (60 + 1.96**2), abs=1e-4)


def test_clustered_hits_are_worth_fewer_items():
    """Twenty families of ten equal replies say less than two hundred replies apart."""
    hits = [1, 0, 0, 0] * 5
    clustered = Totals(np.array(hits) * 10.0, np.full(20, 10.0))
    apart = ones(hits * 10)
    near, far = ratio(clustered, share=True), ratio(apart, share=True)
    assert near.value == far.value == 0.25
    assert near.high - near.low > 2.5 * (far.high - far.low)


def test_the_interval_of_a_link_is_the_link_of_the_interval():
    """Perplexity's ends are exp of the NLL's ends."""
    sample = nats(np.random.default_rng(2), 40)[0]
    plain, linked = ratio(sample), ratio(sample, link=np.exp)
    assert linked[:3] == pytest.approx(np.exp(plain[:3]))
    assert linked.deviation == pytest.approx(plain.deviation * linked.value, rel=1e-4)


def test_what_never_varies_has_no_interval():
    """The same totals twice: the difference is 0, and resampling says nothing about it."""
    sample = nats(np.random.default_rng(2), 40)[0]
    assert difference(sample, sample) == (0.0, None, None, 0.0)


def test_a_share_of_few_families_has_wilsons_interval():
    """9 of 9 is 1, and may well be 0.7."""
    found = ratio(ones([1] * 9), share=True)
    assert (found.value, found.high, found.deviation) == (1.0, 1.0, None)
    assert found.low == pytest.approx(0.7009, abs=1e-3)


def test_pairing_takes_the_common_part_out():
    """Families differ by 0.5 nats, the models by 0.1 on each: only the 0.1 counts."""
    candidate, baseline = nats(np.random.default_rng(5), 60, drift=-0.1)
    paired, alone = difference(candidate, baseline), ratio(candidate)
    assert paired.high < 0
    assert paired.high - paired.low < 0.3 * (alone.high - alone.low)


def test_no_discordant_reply_leaves_room_on_both_sides():
    """Two models without a hit in 60 replies may still differ by 6 %."""
    found = difference(ones([0] * 60), ones([0] * 60), share=True)
    assert found.value == 0.0
    assert found.high == -found.low == pytest.approx(0.0602, abs=1e-3)


def test_a_difference_is_antisymmetric():
    """Swapping the models turns the interval round."""
    candidate, baseline = nats(np.random.default_rng(6), 40, drift=0.05)
    there, back = difference(candidate, baseline), difference(baseline, candidate)
    assert (there.value, there.low, there.high) == pytest.approx(
        (-back.value, -back.high, -back.low)
    )


def test_one_family_that_differs_among_many_gives_no_false_end():
    """Where resamples without any spread reach the quantile there is no interval at all."""
    numerators = np.zeros(30)
    numerators[0] = 1.0
    found = ratio(Totals(numerators, np.ones(30)))
    assert found.low is None
    assert found.deviation is not None


def skewed(generator, families):
    """Return differences whose mean is 0, most a little better and few much worse."""
    tokens = generator.gamma(4, 50, families)
    lift = generator.gamma(2, 0.1, families) - 0.2
    return Totals((4.8 + lift) * tokens, tokens), Totals(4.8 * tokens, tokens)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("draw", "families"),
    [
        pytest.param(nats, 12, id="normal-12"),
        pytest.param(nats, 100, id="normal-100"),
        pytest.param(skewed, 30, id="skewed-30"),
        pytest.param(skewed, 100, id="skewed-100"),
    ],
)
def test_at_the_margin_a_difference_passes_falsely_at_most_alpha(draw, families):
    """Over 1,000 simulations of a candidate exactly at the margin, at most 5 % end below it."""
    passed = sum(
        difference(*draw(np.random.default_rng(run), families), Plan(1000, 0.95, run)).high < 0.0
        for run in range(1000)
    )
    assert passed / 1000 <= ALPHA


@pytest.mark.slow
@pytest.mark.parametrize("families", [100, 400])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.3])
def test_at_the_margin_a_share_passes_falsely_at_most_alpha(share, families):
    """Over 1,000 simulations of a rate exactly at its threshold, at most 5 % end below it."""
    passed = 0
    for run in range(1000):
        hits = np.random.default_rng(run).random(families) < share
        passed += ratio(ones(hits), Plan(200, 0.95, run), share=True).high < share
    assert passed / 1000 <= ALPHA


@pytest.mark.slow
def test_a_narrow_interval_would_be_caught():
    """The simulation can fail: intervals of half the confidence pass falsely far too often."""
    passed = sum(
        difference(*nats(np.random.default_rng(run), 30), Plan(200, 0.5, run)).high < 0.0
        for run in range(300)
    )
    assert passed / 300 > 2 * ALPHA
