"""A project folder with a tiny release whose verdict passes, and copies of it to be damaged."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from caretune import records
from caretune.gate.verdict import RuleResult, Verdict
from caretune.lineage import digest, fingerprint, manifest
from tests.house.closure import ROOT


def release(
    folder: Path, base: Path, adapter: Path, filters: Path, level: str = "rehearsal"
) -> None:
    """Put a release together as the `release` stage does, with a verdict that passes at `level`."""
    for name, source in {"base": base, "adapter": adapter, "filters": filters}.items():
        shutil.copytree(source, folder / name)
    machine = fingerprint.machine("AVX2", threads=1, dtype="float32")
    records.write_json(
        folder / manifest.VERDICT,
        Verdict(
            level=level,
            result="pass",
            rules=[passed_rule()],
            subjects={part: digest.sha256_folder(folder / part) for part in manifest.PARTS},
            decoding={},
            fingerprint=machine,
        ),
    )
    records.write_text(folder / "MODEL_CARD.md", "A model of a test.\n")
    manifest.write(
        folder, candidate="moe_lora", sources={}, ledger={}, digests={}, fingerprint=machine
    )


def passed_rule() -> RuleResult:
    """A binding rule that passed."""
    return RuleResult(
        name="nll_below_base",
        metric="response_nll",
        version=1,
        unit="nats",
        at="most",
        value=-0.1,
        low=-0.2,
        high=-0.05,
        threshold=0.0,
        baseline="base",
        n=9,
        needed_n=None,
        binds=True,
        result="pass",
    )


@pytest.fixture(scope="session")
def project(
    tiny_base: Path,
    tiny_adapters: Path,
    bundle_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The project's params and bentofile beside a tiny release; tests that change it copy it."""
    folder = tmp_path_factory.mktemp("served") / "project"
    folder.mkdir()
    for name in ("params.yaml", "bentofile.yaml"):
        shutil.copyfile(ROOT / name, folder / name)
    adapter = tiny_adapters / "moe_lora" / "best"
    release(folder / "models" / "release", tiny_base, adapter, bundle_folder)
    return folder


@pytest.fixture
def own_project(project: Path, tmp_path: Path) -> Path:
    """A copy of that project for one test."""
    return shutil.copytree(project, tmp_path / "project")


def assembled(project: Path, alter: Callable[[Path], object]) -> None:
    """Put the release of a project together anew, over filters that were altered before."""
    folder = project / "models" / "release"
    parts = folder.rename(project / "models" / "parts")
    alter(parts / "filters")
    release(folder, parts / "base", parts / "adapter", parts / "filters")
