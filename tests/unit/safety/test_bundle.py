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


@pytest.mark.parametrize(
    ("change", "count", "named"),
    [
        pytest.param(lambda files: files.pop("words.json"), 6, "words.json", id="one too few"),
        pytest.param(lambda files: files.update({"../x": "0"}), 8, "../x", id="one too many"),
    ],
)
def test_files_are_exactly_those_of_a_bundle(copy, change, count, named):
    """No file is read unchecked, and none is named that nobody reads."""
    header = records.read_json(copy / "bundle.json")
    change(header["files"])
    records.write_json(copy / "bundle.json", header)
    with pytest.raises(FilterError) as told:
        Chain.load(copy)
    assert str(told.value) == (
        f"{copy / 'bundle.json'}: names {count} files, not the 7 of a bundle ({named} is missing or "
        "too many at $.files). Run `dvc checkout --force`."
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param({}, "no size at $.features.bits. Run `dvc checkout --force`.", id="no bits"),
        pytest.param(
            {"bits": "18"},
            "got `str` - at `$.features[...]`. Run `dvc repro filters`.",
            id="a word",
        ),
    ],
)
def test_the_size_of_the_hashed_space_must_stand_there(copy, content, told):
    """The message ends in the field and what to run."""
    header = records.read_json(copy / "bundle.json")
    records.write_json(copy / "bundle.json", header | {"features": content})
    with pytest.raises(FilterError) as found:
        Chain.load(copy)
    assert str(found.value).endswith(told)


def test_a_header_that_is_no_text_is_named(copy):
    """Bytes outside UTF-8 are a fault of the file, not a traceback."""
    (copy / "bundle.json").write_bytes(b'{"versions": {"a": "\xff"}}')
    with pytest.raises(FilterError, match=r"bundle\.json: .*\. Run `dvc repro filters`"):
        Chain.load(copy)
