"""The manifest: whatever one byte does to a release, the file is named."""

import subprocess
import sys

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caretune import records
from caretune.errors import LineageError
from caretune.lineage import digest, manifest
from caretune.lineage.fingerprint import Fingerprint

CONTENT = {
    "MODEL_CARD.md": b"a card",
    "adapter/model.bin": b"adapter weights",
    "base/base.json": b'{"kind": "rehearsal"}',
    "base/deep/weights.bin": b"base weights",
    "filters/bundle.json": b"{}",
    "verdict.json": b'{"result": "pass"}',
}
FINGERPRINT = Fingerprint("2", "5", "0", "AVX2", 1, "float32", "x86_64")


def write(folder):
    """Write the manifest as the release stage does."""
    return manifest.write(
        folder,
        candidate="moe_lora",
        sources={"raw.jsonl": "1" * 64},
        ledger={"split": "2" * 64},
        digests={"split": "3" * 64},
        fingerprint=FINGERPRINT,
    )


@pytest.fixture
def release(tmp_path):
    """A release of six files and its manifest."""
    folder = tmp_path / "release"
    for name, content in CONTENT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    write(folder)
    return folder


def test_a_whole_release_verifies(release):
    """Verify returns what was written; the parts have the digests of their folders."""
    found = manifest.verify(release)
    assert found.files == {name: digest.sha256_bytes(content) for name, content in CONTENT.items()}
    for part in manifest.PARTS:
        assert found.digests[part] == digest.sha256_folder(release / part)
    assert found.digests["verdict"] == digest.sha256_file(release / "verdict.json")


def test_writing_again_gives_equal_bytes(release):
    """An existing manifest is not part of the next one."""
    before = (release / manifest.NAME).read_bytes()
    write(release)
    assert (release / manifest.NAME).read_bytes() == before


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(CONTENT)), data=st.data())
def test_any_flipped_bit_is_named(release, name, data):
    """One bit in any file: that file is named."""
    content = bytearray(CONTENT[name])
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    (release / name).write_bytes(content)
    with pytest.raises(LineageError) as error:
        manifest.verify(release)
    (release / name).write_bytes(CONTENT[name])
    assert f"release: {name} has sha256" in str(error.value)
    assert "Restore it with `dvc checkout` or `dvc repro`." in str(error.value)


@pytest.mark.parametrize("name", sorted(CONTENT))
def test_a_missing_file_is_named(release, name):
    """Any file that is gone."""
    (release / name).unlink()
    with pytest.raises(LineageError, match=f"{name} is missing"):
        manifest.verify(release)


def test_an_extra_file_is_named(release):
    """A file that nobody judged, such as a second adapter."""
    (release / "adapter/other.bin").write_bytes(b"x")
    with pytest.raises(LineageError, match=r"adapter/other\.bin is not in the manifest"):
        manifest.verify(release)


def test_a_manifest_that_contradicts_itself_is_refused(release):
    """Digests of parts are held against the files, even under a good seal."""
    found = manifest.verify(release)
    forged = msgspec.structs.replace(found, digests={**found.digests, "adapter": "0" * 64})
    sealed = msgspec.structs.replace(forged, seal=manifest._seal(forged))
    records.write_json(release / manifest.NAME, sealed)
    with pytest.raises(LineageError, match="adapter has sha256"):
        manifest.verify(release)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_flipped_bit_of_the_manifest_itself_is_refused(release, data):
    """Also where nothing else holds the value against anything: candidate, ledger, blanks."""
    path = release / manifest.NAME
    content = bytearray(path.read_bytes())
    whole = bytes(content)
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    with pytest.raises(LineageError, match=r"manifest\.json"):
        manifest.verify(release)
    path.write_bytes(whole)


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"format": 1}'])
def test_an_unreadable_manifest_is_refused(release, content):
    """Missing, empty, or of another shape: the manifest itself is named."""
    path = release / manifest.NAME
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(LineageError, match=r"manifest\.json: missing or not a manifest"):
        manifest.verify(release)


def test_no_release_is_refused(tmp_path):
    """A folder that is not there is one sentence, not a traceback."""
    with pytest.raises(LineageError, match="missing or not a manifest"):
        manifest.verify(tmp_path / "nowhere")


def test_verifying_needs_no_model_library(release):
    """Whoever checks a release need not install torch."""
    program = (
        "import sys; from pathlib import Path; from caretune.lineage import manifest;"
        "manifest.verify(Path(sys.argv[1]));"
        "sys.exit(any(m in sys.modules for m in ('torch', 'transformers', 'peft', 'numpy')))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(release)], check=False)
    assert done.returncode == 0


def test_files_of_the_pipeline_are_sealed_with_the_release(release):
    """Format 2 names them; another digest there is another seal."""
    old = manifest.verify(release)
    assert old.format == 1
    assert "pipeline" not in records.read_json(release / manifest.NAME)
    new = manifest.write(
        release,
        candidate="moe_lora",
        sources={},
        ledger={},
        digests={},
        fingerprint=FINGERPRINT,
        pipeline={"corpus": "4" * 64},
    )
    assert manifest.verify(release) == manifest.read(release) == new
    assert (new.format, new.pipeline) == (2, {"corpus": "4" * 64})
    records.write_json(
        release / manifest.NAME, msgspec.structs.replace(new, pipeline={"corpus": "5" * 64})
    )
    with pytest.raises(LineageError, match="altered after it was sealed"):
        manifest.read(release)


def test_every_fault_of_a_release_is_told(release):
    """Missing, extra and altered at once, by name."""
    (release / "MODEL_CARD.md").unlink()
    (release / "extra").write_text("x")
    (release / "base/base.json").write_text("{}")
    found = digest.folder_files(release)
    found.pop(manifest.NAME)
    faults = manifest.faults(manifest.read(release), found)
    assert list(faults) == ["MODEL_CARD.md", "base/base.json", "extra"]
    assert faults["MODEL_CARD.md"] == "is missing"
    assert faults["extra"] == "is not in the manifest"
    assert faults["base/base.json"].startswith("has sha256 ")
