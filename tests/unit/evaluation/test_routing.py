"""Who chooses the experts: counts are the routers' own, shares and gaps follow from the items."""

from types import SimpleNamespace

import msgspec
import pytest
import torch

from caretune.evaluation import likelihood, routing, suite
from caretune.evaluation.bootstrap import Plan
from caretune.evaluation.result import Item, Routed
from caretune.model import adapter, base, chat, domains
from caretune.records import Message
from caretune.safety.chain import Chain
from caretune.training import domains as fitting
from tests.fixtures.models import EXPERTS, dialogues

PLAN = Plan(resamples=100, confidence=0.95, seed=3)
TABLE = {"crisis_safety": "crisis_safety", "grief": "general"}
ROWS = dialogues(4)


@pytest.fixture(scope="module")
def tuned(tiny_base, tiny_adapters):
    """The tiny base with its MoE-LoRA: model and tokenizer."""
    loaded = base.load(tiny_base)
    model = adapter.attach(loaded.model, tiny_adapters / "moe_lora/best")
    return SimpleNamespace(model=model, tokenizer=loaded.tokenizer)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """A classifier of sixteen dialogues."""
    folder = tmp_path_factory.mktemp("classifier")
    fitting.fit(dialogues(16), EXPERTS, 11).write(folder)
    return domains.read(folder)


def test_a_model_without_experts_has_none(tuned, tiny_base, tiny_adapters):
    """A base and a plain LoRA have no names; a MoE-LoRA has its own."""
    loaded = base.load(tiny_base)
    assert routing.experts(loaded.model) == []
    assert routing.experts(adapter.attach(loaded.model, tiny_adapters / "lora/best")) == []
    assert routing.experts(tuned.model) == EXPERTS


def test_every_real_token_is_counted_once_a_router(tuned):
    """Padding counts nowhere, whatever stands beside a row; the choices are top-k of each token."""
    messages = [row.messages for row in ROWS]
    watches = []
    for batch_size in (4, 1):
        watch = routing.RouterWatch(tuned.model)
        likelihood.score(tuned.model, tuned.tokenizer, messages, batch_size, watch=watch)
        watches.append(watch.counts)
    assert watches[0] == watches[1]
    for place, said in enumerate(messages):
        tokens = len(chat.encode(tuned.tokenizer, said, 512).input_ids)
        found = watches[0][place]
        assert [sum(of) for of in found.likeliest] == [tokens] * 2
        assert sum(found.chosen) == 2 * 2 * tokens


def test_counts_are_those_of_the_routers_own_accuracy(tuned):
    """The share of right tokens is what the router's losses call domain accuracy."""
    watch = routing.RouterWatch(tuned.model)
    likelihood.score(tuned.model, tuned.tokenizer, [ROWS[0].messages], 1, watch=watch)
    ids = torch.tensor([chat.encode(tuned.tokenizer, ROWS[0].messages, 512).input_ids])
    with torch.no_grad():
        tuned.model(input_ids=ids, domain_ids=torch.tensor([0]))
    accuracy = tuned.model.base_model.router_losses().domain_accuracy.item()
    found = watch.counts[0].likeliest
    assert sum(of[0] for of in found) / sum(map(sum, found)) == pytest.approx(accuracy, abs=1e-6)


def test_static_scores_are_those_of_the_gates(tuned, classifier, bundle_folder):
    """Requested and true expert: each row's own, whether both are one expert or two."""
    rows = [msgspec.structs.replace(ROWS[0], domain=None), *ROWS[1:]]
    watch = routing.RouterWatch(tuned.model)
    messages = [row.messages for row in rows]
    likelihood.score(tuned.model, tuned.tokenizer, messages, 4, watch=watch)
    found = routing.routed(
        tuned.model,
        tuned.tokenizer,
        Chain.load(bundle_folder),
        classifier,
        rows,
        watch.counts,
        4,
    )
    for row, said in zip(rows, found, strict=True):
        expected = {}
        for name in {said.requested, row.domain} - {None}:
            gates = [domains.one_hot(name, EXPERTS)]
            score = likelihood.score(tuned.model, tuned.tokenizer, [row.messages], 1, gates=gates)
            expected[name] = pytest.approx(score[0].nll_sum, rel=1e-5)
        assert said.static_requested_nll_sum == expected[said.requested]
        assert said.static_true_nll_sum == expected.get(row.domain)


def test_measure_routes_only_with_a_classifier(tuned, classifier, bundle_folder):
    """An item says which experts its conversation used; without a classifier nothing is said."""
    chain = Chain.load(bundle_folder)
    for given in (classifier, None):
        items = suite.measure(
            "moe_lora",
            tuned.model,
            tuned.tokenizer,
            chain,
            ROWS,
            [],
            max_new_tokens=4,
            batch_size=4,
            classifier=given,
        )
        assert all((item.routed is not None) == (given is not None) for item in items)


def _item(number, domain, family=None, **told):
    """An item whose routers are right on 3 of 4 tokens of the first and none of the second."""
    expert = 2 if domain == "crisis_safety" else 4
    first, second = [0] * 5, [0] * 5
    first[expert], first[0], second[0] = 3, 1, 4
    values = {
        "likeliest": [first, second],
        "chosen": [4, 0, 8, 0, 4],
        "classified": domain,
        "classified_first": "grief",
        "requested": "crisis_safety",
        "protocol": False,
        "static_requested_nll_sum": 10.0,
        "static_true_nll_sum": 9.0,
    }
    return Item(
        id=f"{number:032x}",
        family=family or f"{number}",
        model="moe_lora",
        domain=domain,
        severity=None,
        nll_sum=8.0,
        tokens=4,
        reply=None,
        rouge_l=None,
        decision=None,
        routed=Routed(**(values | told)),
    )


ITEMS = [
    *(_item(n, "crisis_safety") for n in range(8)),
    *(_item(n, "grief") for n in range(8, 20)),
]


@pytest.fixture(scope="module")
def summary():
    """Eight rows of one domain and twelve of another."""
    return routing.summarise("moe_lora", EXPERTS, TABLE, ITEMS, PLAN)


def test_every_way_has_its_nll_and_its_gap_to_the_routers(summary):
    """Nats a token: 8, 10 and 9 over 4 tokens; the gaps are paired by row."""
    assert {way: nll.value for way, nll in summary.nll.items()} == {
        "token": 2.0,
        "static requested": 2.5,
        "static true": 2.25,
    }
    assert {way: gap.value for way, gap in summary.gaps.items()} == {
        "static requested - token": 0.5,
        "static true - token": 0.25,
    }
    assert summary.gaps["static true - token"].families == 20


def test_accuracy_is_by_domain_and_of_all(summary):
    """Tokens are a mean over routers; a majority needs the most tokens over all routers."""
    values = {
        who: {name: share.value for name, share in shares.items()}
        for who, shares in summary.accuracy.items()
    }
    same = {"all": 0.375, "crisis_safety": 0.375, "grief": 0.375}
    assert values["router tokens"] == same
    assert values["router majority"] == dict.fromkeys(same, 0.0)
    assert values["classifier"] == dict.fromkeys(same, 1.0)
    apart = {"all": 0.6, "crisis_safety": 0.0, "grief": 1.0}
    assert values["classifier, first message"] == apart
    assert values["request"] == {"all": 0.4, "crisis_safety": 1.0, "grief": 0.0}


def test_a_share_has_an_interval_even_where_all_are_right(summary):
    """Twenty of twenty is not certainty."""
    right = summary.accuracy["classifier"]["all"]
    assert right.low < right.value == right.high == 1.0
    assert (right.unit, right.direction, right.n) == ("rate", "higher", 20)


def test_load_is_a_share_of_the_choices(summary):
    """By domain and of all, in the experts' order; each sums to 1."""
    assert summary.load["all"] == [0.25, 0.0, 0.5, 0.0, 0.25]
    assert set(summary.load) == {"all", "crisis_safety", "grief"}


def test_rows_of_no_known_domain_are_unscored():
    """A domain that no expert was trained for cannot be told rightly, and is counted as such."""
    lost = msgspec.structs.replace(_item(21, "grief"), routed=None)
    items = [*ITEMS, _item(20, "unheard of"), lost]
    found = routing.summarise("moe_lora", EXPERTS, TABLE, items, PLAN)
    shares = [shares["all"] for shares in found.accuracy.values()]
    for one in (*found.nll.values(), *found.gaps.values(), *shares):
        assert (one.n, one.unscored) == (20, 2)
    assert set(found.accuracy["request"]) == {"all", "crisis_safety", "grief"}
    assert found.accuracy["request"]["grief"].unscored == 0


def test_what_the_service_answers_itself_is_no_request_but_routed_all_the_same():
    """Nobody asks the model there, so no figure of a request may rest on it."""
    items = [_item(n, "crisis_safety", protocol=True) for n in range(4)] + ITEMS[4:]
    found = routing.summarise("moe_lora", EXPERTS, TABLE, items, PLAN)
    asked = [*found.nll.values(), *found.gaps.values(), found.accuracy["request"]["all"]]
    assert {(one.n, one.unscored) for one in asked} == {(16, 0)}
    assert found.accuracy["request"]["crisis_safety"].n == 4
    for who in ("router tokens", "router majority", "classifier", "classifier, first message"):
        assert found.accuracy[who]["all"].n == 20


def test_a_grave_request_is_marked_as_the_services_own(tuned, classifier, bundle_folder):
    """The filters' word on the last request, and not the row's label."""
    said = "I have the pills here and I am going to kill myself tonight."
    grave = [Message("user", said), Message("assistant", "I am here.")]
    rows = [msgspec.structs.replace(ROWS[0], messages=grave), ROWS[1]]
    watch = routing.RouterWatch(tuned.model)
    likelihood.score(tuned.model, tuned.tokenizer, [row.messages for row in rows], 2, watch=watch)
    chain = Chain.load(bundle_folder)
    given = (tuned.model, tuned.tokenizer, chain, classifier, rows, watch.counts, 2)
    assert [found.protocol for found in routing.routed(*given)] == [True, False]


def test_a_row_without_a_score_is_unscored_in_its_way_alone():
    """Unscored is not 0: it leaves the way's figure and its gap, and is counted."""
    items = [_item(0, "grief", static_true_nll_sum=None), *ITEMS[1:]]
    found = routing.summarise("moe_lora", EXPERTS, TABLE, items, PLAN)
    assert (found.nll["static true"].n, found.nll["static true"].unscored) == (19, 1)
    assert found.nll["token"].n == 20
