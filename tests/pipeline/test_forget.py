"""Forgetting, end to end in a clone of the small profile. Slow: the pipeline runs three times."""

import json
import re

import pytest

from tests.house.closure import ROOT
from tests.pipeline.test_make import sh, small

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone in which the small profile ran through and is committed."""
    folder = tmp_path_factory.mktemp("forget") / "caretune"
    small(folder)
    _do("git add -A . ':!.venv' && git commit -qm 'a run'", folder)
    return folder


def _do(command, folder):
    done = sh(f"export PATH={ROOT}/.venv/bin:$PATH; {command}", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _row(folder, split):
    """Return the first row of a split that the filters do not learn from."""
    rows = map(json.loads, (folder / f"data/split/{split}.jsonl").read_text().splitlines())
    return next(row["id"] for row in rows if row["source"] == "concepts")


def _predicted(output, begin):
    (line,) = [x.strip() for x in output.splitlines() if x.strip().startswith(begin)]
    return set(line.removeprefix(begin).strip().split(", ")) - {"none"}


@pytest.mark.parametrize("split", ["test", "train"])
def test_exactly_the_predicted_stages_run_again_and_the_certificate_is_clean(clone, split):
    """One row goes; `dvc repro` runs what was told, no more and no less, and nothing holds it."""
    row = _row(clone, split)
    told = _do(f"caretune forget {row} --yes", clone)
    assert _predicted(told, "may run:") == set()
    ran = re.findall(r"Running stage '(.+)'", _do("dvc repro", clone))
    assert set(ran) == _predicted(told, "dvc repro runs:")
    listed = _do("dvc stage list --name-only", clone).split()
    assert set(listed) - set(ran) == _predicted(told, "stays:")
    _do("git add -A . ':!.venv' && git commit -qm 'forgotten'", clone)
    _do(f"caretune forget {row} --certificate certificate.json", clone)
    found = json.loads((clone / "certificate.json").read_text())
    assert found["clean"] is True
    assert {"raw", "cache"} <= {place["kind"] for place in found["held"]}
    assert bool(found["revoked"]) is (split == "train")
    (clone / "certificate.json").unlink()
    (clone / "certificate.txt").unlink()


def test_a_roll_back_to_a_revoked_release_is_refused_by_the_service(clone):
    """The list survives the checkout, and the reason is told; then the newer release again."""
    reason = "from caretune.service import state; from pathlib import Path; print(state.load(Path()).reason)"
    before = _do("git rev-parse HEAD", clone).strip()
    _do("git checkout -q HEAD~1 && dvc checkout -q", clone)
    assert "is revoked: its base, adapter learnt from the row" in _do(
        f'python -c "{reason}" 2>&1', clone
    )
    _do(f"git checkout -q {before} && dvc checkout -q", clone)
    assert _do(f'python -c "{reason}" 2>/dev/null', clone).strip().endswith("None")
