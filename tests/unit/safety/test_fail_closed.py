"""Whatever breaks in the filters, nothing passes and the fault has a name."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from structlog.testing import capture_logs

from caretune import records
from caretune.errors import FilterError
from caretune.lineage import digest
from caretune.records import Message
from caretune.safety import (
    appropriateness,
    bias,
    bundle,
    crisis,
    features,
    gates,
    language,
    normalise,
    outcome,
    pii,
    toxicity,
)
from caretune.safety.chain import Chain
from caretune.safety.patterns import FAMILIES

_CANARY = "zzcanary"
_TURNS = [Message("user", _CANARY), Message("assistant", _CANARY)]
_STEPS = [
    pytest.param(module, name, id=f"{module.__name__.rpartition('.')[2]}.{name}")
    for module, name in (
        (normalise, "normalise"),
        (features, "row"),
        (language, "detect"),
        (crisis, "assess"),
        (toxicity, "assess"),
        (pii, "detect"),
        (bias, "assess"),
        (appropriateness, "assess"),
        (gates, "assess"),
        (outcome, "action"),
    )
]


def _broken(*_, **__):
    raise ArithmeticError(_CANARY)


@pytest.fixture
def copy(bundle_folder, tmp_path):
    """A copy of the bundle that may be harmed."""
    return shutil.copytree(bundle_folder, tmp_path / "copy")


def sealed(folder: Path) -> Path:
    """Write bundle.json anew, as somebody would who alters a bundle and covers it up."""
    header = records.read_json(folder / bundle.HEADER)
    files = {name: digest.sha256_file(folder / name) for name in header["files"]}
    records.write_json(folder / bundle.HEADER, header | {"files": files})
    return folder


def without_head(folder: Path, name: str) -> Path:
    """Take one head out of the arrays and out of the list of heads, and seal the bundle."""
    header = records.read_json(folder / bundle.HEADER)
    place = header["heads"].index(name)
    arrays = load_file(folder / "heads.safetensors")
    for key in ("weights", "offsets"):
        arrays[key] = np.ascontiguousarray(np.delete(arrays[key], place, axis=-1))
    save_file(arrays, folder / "heads.safetensors")
    header["heads"].remove(name)
    records.write_json(folder / bundle.HEADER, header)
    return sealed(folder)


@pytest.mark.parametrize(("module", "name"), _STEPS)
def test_any_step_that_raises_blocks_message_and_conversation(chain, monkeypatch, module, name):
    """Blocked, unscored, no gate passes, no step found anything; the log names the error."""
    monkeypatch.setattr(module, name, _broken)
    role = "assistant" if module is appropriateness else "user"
    with capture_logs() as logged:
        decisions = [chain.scan_message(_CANARY, role), chain.scan_turns(_TURNS)]
    for decision in decisions:
        assert (decision.action, decision.crisis.severity) == ("block", "unscored")
        assert (decision.gates, decision.reasons) == (gates.failed(), [])
        assert (decision.redacted, decision.digest) == ("", chain.digest)
    assert [(line["event"], line["error"]) for line in logged] == [
        ("filter failed", "ArithmeticError")
    ] * 2
    assert all(f"{Path(__file__).stem}._broken" in line["at"] for line in logged)
    assert _CANARY not in str(logged)


def test_sound_steps_block_nothing(chain):
    """The test above can fail: whole filters let the same conversation through some gate."""
    with capture_logs() as logged:
        assert chain.scan_turns(_TURNS).gates != gates.failed()
    assert logged == []


@pytest.mark.parametrize(("module", "name"), _STEPS)
def test_a_bundle_is_not_loaded_while_a_step_raises(bundle_folder, monkeypatch, module, name):
    """The canaries meet the fault before any message does."""
    monkeypatch.setattr(module, name, _broken)
    with capture_logs() as logged, pytest.raises(FilterError, match=r"canary \d+ now has another"):
        Chain.load(bundle_folder)
    assert {line["error"] for line in logged} == {"ArithmeticError"}


@pytest.mark.parametrize("head", ["severity/high", "type/panic", "toxic", "bias"])
def test_a_bundle_without_a_head_is_refused(copy, head):
    """One head gone, the bundle whole otherwise: what is asked for it raises, and canaries say so."""
    with pytest.raises(FilterError, match=r"canary \d+ now has another \w+ than when the bundle"):
        Chain.load(without_head(copy, head))


def test_heads_that_do_not_fit_their_list_are_refused_by_name(copy):
    """A list of heads with one that the arrays do not have."""
    header = records.read_json(copy / bundle.HEADER)
    header["heads"].append("toxicity/made_up")
    records.write_json(copy / bundle.HEADER, header)
    told = r"heads\.safetensors: weights have shape .*, not one column a head\. Run `dvc checkout"
    with pytest.raises(FilterError, match=told):
        Chain.load(copy)


def test_heads_without_an_array_are_refused_by_name(copy):
    """The file names the array that is missing."""
    arrays = load_file(copy / "heads.safetensors")
    del arrays["offsets"]
    save_file(arrays, copy / "heads.safetensors")
    with pytest.raises(FilterError, match=r"heads\.safetensors: not the heads' arrays .*offsets"):
        Chain.load(sealed(copy))


def test_altered_patterns_are_refused_by_name(copy):
    """One pattern taken out, bundle.json as it was."""
    patterns = records.read_json(copy / "patterns.json")
    records.write_json(copy / "patterns.json", patterns[1:])
    with pytest.raises(
        FilterError, match=r"patterns\.json: has other bytes than bundle\.json says"
    ):
        Chain.load(copy)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_of_patterns_that_is_gone_is_refused_even_if_covered_up(copy, family):
    """Sealed anew, the bundle sings other canaries."""
    patterns = records.read_json(copy / "patterns.json")
    kept = [pattern for pattern in patterns if pattern["family"] != family]
    assert 0 < len(kept) < len(patterns)
    records.write_json(copy / "patterns.json", kept)
    with pytest.raises(FilterError, match=r"canary \d+ now has another"):
        Chain.load(sealed(copy))


def test_a_pattern_that_cannot_be_compiled_is_refused_by_name(copy):
    """Sealed anew with a broken expression: the pattern is named."""
    patterns = records.read_json(copy / "patterns.json")
    patterns[0]["pattern"] = "("
    records.write_json(copy / "patterns.json", patterns)
    name = patterns[0]["name"]
    with pytest.raises(FilterError, match=f"pattern {name} of .* is no regular expression"):
        Chain.load(sealed(copy))
