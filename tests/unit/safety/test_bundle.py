"""The bundle on disk: every byte counts."""

import shutil

import msgspec
import pytest

from caretune import records
from caretune.errors import FilterError
from caretune.safety import bundle
from caretune.safety.chain import Chain


@pytest.fixture
def copy(bundle_folder, tmp_path):
    """Return a copy of the bundle that may be harmed."""
    return shutil.copytree(bundle_folder, tmp_path / "copy")


def test_equal_parts_give_equal_bytes(trained_filters, bundle_folder, tmp_path):
    """Writing twice gives the same digest."""
    digest = bundle.write(tmp_path / "again", trained_filters.parts, trained_filters.canaries)
    assert digest == bundle.read(bundle_folder).digest


def test_no_file_can_run(bundle_folder):
    """JSON and arrays only."""
    assert {path.suffix for path in bundle_folder.iterdir()} == {".json", ".safetensors"}


@pytest.mark.parametrize(
    "name",
    [
        "addresses.json",
        "canaries.json",
        "heads.safetensors",
        "patterns.json",
        "protocol.json",
        "tagger.json",
        "words.json",
    ],
)
def test_one_altered_byte_is_named(copy, name):
    """The message names the file."""
    content = bytearray((copy / name).read_bytes())
    content[-2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(FilterError, match=f"{name}: has other bytes than bundle.json says"):
        Chain.load(copy)


def test_a_missing_file_is_named(copy):
    """The message says what to run."""
    (copy / "words.json").unlink()
    with pytest.raises(
        FilterError, match=r"words.json: missing from the filter bundle. Run `dvc checkout`"
    ):
        Chain.load(copy)


def test_a_missing_bundle_is_named(tmp_path):
    """A folder without bundle.json is no bundle."""
    with pytest.raises(FilterError, match=r"bundle.json: missing from the filter bundle"):
        Chain.load(tmp_path)


def test_another_format_is_refused(copy):
    """An older bundle is not half-read."""
    header = records.read_json(copy / "bundle.json")
    records.write_json(copy / "bundle.json", header | {"format": 0})
    with pytest.raises(FilterError, match="format 0, this caretune reads 2"):
        Chain.load(copy)


def test_a_canary_that_sings_otherwise_is_refused(trained_filters, tmp_path):
    """A whole bundle that judges differently than when it was built is not used."""
    first, *rest = trained_filters.canaries
    wrong = msgspec.structs.replace(first, expected=first.expected | {"severity": "none"})
    bundle.write(tmp_path / "wrong", trained_filters.parts, [wrong, *rest])
    told = r"canary 1 now has another severity .* Run `dvc repro -f filters`\."
    with pytest.raises(FilterError, match=told):
        Chain.load(tmp_path / "wrong")
