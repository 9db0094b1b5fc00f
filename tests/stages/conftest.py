"""A small project after its data stages and its evaluation, for the stages that judge it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from caretune import records
from caretune.evaluation.result import Item
from caretune.lineage import digest
from caretune.lineage.ledger import Edge
from caretune.lineage.ledger import write as write_ledger
from caretune.records import Conversation
from caretune.safety.chain import Chain
from stages import augment, gate, safety_label, split
from tests.fixtures import evidence

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def whole_project(
    tmp_path_factory: pytest.TempPathFactory,
    corpus_rows: list[Conversation],
    bundle_folder: Path,
    tiny_base: Path,
    tiny_adapters: Path,
) -> Path:
    """Forty rows through split, augment and safety-label; models; an evaluation that is clear."""
    root = tmp_path_factory.mktemp("project")
    shutil.copyfile(ROOT / "params.yaml", root / "params.yaml")
    for name, folder in {
        "base": tiny_base,
        "adapter": tiny_adapters,
        "filters": bundle_folder,
    }.items():
        shutil.copytree(folder, root / "models" / name)
    records.write(root / "data/corpus.jsonl", corpus_rows)
    edges = [Edge("ingest", f"line {n}", to=row.id) for n, row in enumerate(corpus_rows)]
    write_ledger(root / "data/ledger/ingest.jsonl", edges)
    _data_stages(root)
    test = list(records.read(root / "data/labelled/test.jsonl", Conversation))
    records.write(root / "reports/evaluation/items.jsonl", [_item(row) for row in test])
    models = root / "models"
    records.write_json(
        root / "reports/evaluation/metrics.json",
        evidence.metrics(
            filters=Chain.load(models / "filters").digest,
            models={
                name: {metric: evidence.result(name=metric) for metric in _METRICS}
                for name in ("base", "lora", "moe_lora")
            },
            paired={
                f"moe_lora - {name}": {
                    metric: evidence.result(name=metric, value=-0.3, low=-0.4, high=-0.2)
                    for metric in _METRICS
                }
                for name in ("base", "lora")
            },
            subjects={
                "base": digest.sha256_folder(models / "base"),
                "filters": digest.sha256_folder(models / "filters"),
                "adapter/moe_lora": digest.sha256_folder(models / "adapter/moe_lora/best"),
            },
        ),
    )
    return root


_METRICS = ("response_nll", "reply_blocked_rate", "reply_pii_rate", "reply_inappropriate_rate")


@pytest.fixture
def project(whole_project: Path, tmp_path: Path) -> Path:
    """The test's own copy of the project."""
    return shutil.copytree(whole_project, tmp_path / "project")


@pytest.fixture
def judge(project: Path) -> Callable[[], dict]:
    """Give a function that runs the gate stage on the project and returns its verdict."""

    def run() -> dict:
        data, reports = project / "data", project / "reports"
        gate.main(
            evaluation=reports / "evaluation",
            ledger=data / "ledger",
            corpus=data / "corpus.jsonl",
            split=data / "split",
            augmented=data / "augmented.jsonl",
            labelled=data / "labelled",
            leak_proof=reports / "data/leak_proof.json",
            filters=project / "models/filters",
            base=project / "models/base",
            adapters=project / "models/adapter",
            out=reports / "gate/verdict.json",
            params=project / "params.yaml",
        )
        return records.read_json(reports / "gate/verdict.json")

    return run


def _data_stages(root: Path) -> None:
    data, figures, params = root / "data", root / "reports/data", {"params": root / "params.yaml"}
    filters = root / "models/filters"
    split.main(
        corpus=data / "corpus.jsonl",
        out=data / "split",
        ledger=data / "ledger/split.jsonl",
        leak_proof=figures / "leak_proof.json",
        metrics=figures / "split.json",
        **params,
    )
    augment.main(
        train=data / "split/train.jsonl",
        filters=filters,
        out=data / "augmented.jsonl",
        ledger=data / "ledger/augment.jsonl",
        metrics=figures / "augment.json",
        **params,
    )
    safety_label.main(
        split=data / "split",
        augmented=data / "augmented.jsonl",
        filters=filters,
        out=data / "labelled",
        ledger=data / "ledger/safety_label.jsonl",
        metrics=figures / "safety_label.json",
        **params,
    )


def _item(row: Conversation) -> Item:
    return Item(
        id=row.id,
        family=str(row.family),
        model="moe_lora",
        domain=row.domain,
        severity=records.crisis_severity(row),
        nll_sum=1.0,
        tokens=1,
        reply=None,
        rouge_l=None,
        decision=None,
    )


def alter(path: Path, **changes: object) -> None:
    """Change fields of the first row of a JSONL file."""
    first, *rest = records.read(path, Conversation)
    records.write(path, [msgspec.structs.replace(first, **changes), *rest])
