"""The evaluate stage on a tiny base with tiny adapters: every model, every metric, twice equal."""

import shutil

import msgspec
import pytest

from caretune import records
from caretune.errors import ModelError
from caretune.evaluation.result import Item, Metrics
from caretune.lineage import digest
from caretune.records import Crisis, Gold
from caretune.safety.chain import Chain
from caretune.training import domains
from stages import evaluate
from tests.fixtures.models import EXPERTS, dialogues

SMALL = {
    "resamples": 100,
    "max_conversations": 14,
    "generated_replies": 4,
    "max_new_tokens": 6,
    "threads": 1,
}
METRICS = {
    "response_nll", "perplexity", "rouge_l", "distinct_1", "distinct_2", "reply_blocked_rate",
    "reply_pii_rate", "reply_inappropriate_rate", "reply_toxic_rate", "crisis_protocol_rate", "calm_protocol_rate",
}  # fmt: skip


@pytest.fixture
def adapters(tmp_path, tiny_adapters):
    """Both adapters, the domain classifier beside the one with experts, as `train` leaves them."""
    folder = shutil.copytree(tiny_adapters, tmp_path / "adapters")
    domains.fit(dialogues(16), EXPERTS, 11).write(folder / "moe_lora/best")
    return folder


@pytest.fixture
def run(tmp_path, tiny_base, adapters, bundle_folder, write_params):
    """Give a function that evaluates 16 dialogues into a folder of that name."""
    rows = dialogues(16)
    grave = Gold(Crisis(severity="high"))
    records.write(
        tmp_path / "test.jsonl", [msgspec.structs.replace(rows[0], gold=grave), *rows[1:]]
    )

    def evaluated(name):
        evaluate.main(
            test=tmp_path / "test.jsonl",
            base=tiny_base,
            adapter=["moe_lora", "lora"],
            adapters=adapters,
            filters=bundle_folder,
            metrics=tmp_path / name / "metrics.json",
            items=tmp_path / name / "items.jsonl",
            params=write_params({"evaluate": SMALL}),
        )
        return tmp_path / name

    return evaluated


def test_every_model_gets_every_metric_and_equal_runs_equal_bytes(
    run, tiny_base, adapters, bundle_folder
):
    """Base and both adapters, each pair, all metrics, who was measured, and no byte of difference."""
    out = run("one")
    found = msgspec.json.decode((out / "metrics.json").read_bytes(), type=Metrics)
    assert set(found.models) == {"base", "lora", "moe_lora"}
    assert set(found.paired) == {
        "lora - base", "moe_lora - base", "lora - moe_lora", "moe_lora - lora",
    }  # fmt: skip
    for results in (*found.models.values(), *found.paired.values()):
        assert set(results) == METRICS
    nll = found.models["moe_lora"]["response_nll"]
    assert (nll.n, nll.unscored, nll.families) == (14, 0, 14)
    assert nll.low < nll.value < nll.high
    assert found.models["base"]["rouge_l"].n == 4
    assert found.filters == Chain.load(bundle_folder).digest
    assert found.subjects == {
        "base": digest.sha256_folder(tiny_base),
        "filters": digest.sha256_folder(bundle_folder),
        "adapter/lora": digest.sha256_folder(adapters / "lora/best"),
        "adapter/moe_lora": digest.sha256_folder(adapters / "moe_lora/best"),
    }
    items = list(records.read(out / "items.jsonl", Item))
    assert len(items) == 3 * 14
    assert sum(item.reply is not None for item in items) == 3 * 4
    again = run("two")
    for name in ("metrics.json", "items.jsonl"):
        assert (again / name).read_bytes() == (out / name).read_bytes()


def test_the_ways_to_choose_an_expert_are_measured(run):
    """Tokens by the routers, requests by the classifier, and the true domain, on the same rows."""
    out = run("routed")
    found = msgspec.json.decode((out / "metrics.json").read_bytes(), type=Metrics)
    assert (found.routing.model, found.routing.experts) == ("moe_lora", EXPERTS)
    assert set(found.routing.gaps) == {"static requested - token", "static true - token"}
    assert found.routing.accuracy["classifier"]["all"].n == 14
    items = list(records.read(out / "items.jsonl", Item))
    asked = [item for item in items if item.routed is not None and not item.routed.protocol]
    nll = sum(item.nll_sum for item in asked) / sum(item.tokens for item in asked)
    assert found.routing.nll["token"].value == pytest.approx(nll)
    assert found.routing.nll["token"].n == len(asked) < 14
    assert {item.model for item in items if item.routed is not None} == {"moe_lora"}


def test_an_adapter_with_experts_needs_its_classifier(run, adapters):
    """Named before anything of it is measured."""
    (adapters / "moe_lora/best/domains.json").unlink()
    with pytest.raises(ModelError, match=r"domains\.json: no domain classifier"):
        run("none")
