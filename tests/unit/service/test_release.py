"""caretune.service.release: nothing is loaded that the verdict did not judge."""

import pytest

from caretune import records
from caretune.errors import FilterError, GateError, LineageError
from caretune.lineage import digest, manifest
from caretune.service import release


def _load(project, level="rehearsal"):
    return release.load(project / "models/release", level)


def _resealed(project):
    """Write the manifest anew, as somebody would who alters a release and covers it up."""
    folder = project / "models/release"
    old = manifest.Manifest(**records.read_json(folder / manifest.NAME))
    (folder / manifest.NAME).unlink()
    manifest.write(
        folder, candidate="moe_lora", sources={}, ledger={}, digests={}, fingerprint=old.fingerprint
    )


def test_a_whole_release_is_loaded_with_its_digest_and_notice(project):
    """The digest of a release is the sha256 of its manifest."""
    found = _load(project)
    assert found.digest == digest.sha256_file(project / "models/release/manifest.json")
    assert (found.level, found.result, found.candidate) == ("rehearsal", "pass", "moe_lora")
    assert found.base_kind == "rehearsal"
    assert found.notice == "rehearsal release, not for people"


def test_one_flipped_byte_in_any_file_is_refused_and_the_file_is_named(own_project):
    """Every file of the release counts, the model card too."""
    folder = own_project / "models/release"
    names = sorted(digest.folder_files(folder))
    for name in names:
        path = folder / name
        whole = path.read_bytes()
        path.write_bytes(whole[:-2] + bytes([whole[-2] ^ 1]) + whole[-1:])
        with pytest.raises((LineageError, GateError), match=path.name):
            _load(own_project)
        path.write_bytes(whole)
    assert len(names) >= 12
    assert _load(own_project).result == "pass"


def test_a_missing_and_an_extra_file_are_refused(own_project):
    """A release is exactly the files of its manifest."""
    card = own_project / "models/release/MODEL_CARD.md"
    (card.parent / "extra").write_text("x")
    with pytest.raises(LineageError, match="extra is not in the manifest"):
        _load(own_project)
    (card.parent / "extra").unlink()
    card.unlink()
    with pytest.raises(LineageError, match=r"MODEL_CARD\.md is missing"):
        _load(own_project)


def test_no_release_at_all_is_a_sentence(tmp_path):
    """Serving before `dvc repro` says what to run."""
    with pytest.raises(LineageError, match="dvc repro"):
        _load(tmp_path)


def test_a_resealed_part_is_refused_because_the_verdict_judged_another(own_project):
    """A new manifest does not help: the verdict names what was judged."""
    path = own_project / "models/release/base/config.json"
    path.write_text(path.read_text() + " ")
    _resealed(own_project)
    with pytest.raises(GateError, match=r"base here has sha256 .* but the verdict judged"):
        _load(own_project)


def test_a_lower_level_than_params_ask_for_is_refused(project):
    """A rehearsal is never served as production."""
    with pytest.raises(GateError, match="for level rehearsal, but production is asked for"):
        _load(project, "production")


def test_a_verdict_that_does_not_pass_is_refused(own_project):
    """Fail and inconclusive are not served."""
    path = own_project / "models/release/verdict.json"
    verdict = records.read_json(path)
    verdict["result"] = verdict["rules"][0]["result"] = "inconclusive"
    records.write_json(path, verdict)
    _resealed(own_project)
    with pytest.raises(GateError, match="the verdict is inconclusive: nll_below_base"):
        _load(own_project)


def test_filters_that_judge_otherwise_than_when_built_are_refused(own_project, monkeypatch):
    """The bundle replays its canaries; another library version may judge them otherwise."""
    from caretune.safety import toxicity

    monkeypatch.setattr(toxicity, "assess", lambda *_: toxicity.ToxicityFinding(toxic=True))
    with pytest.raises(FilterError, match="canary"):
        _load(own_project)
