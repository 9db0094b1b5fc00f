"""What licences allow, and what is said of one that nobody knows."""

import pytest

from caretune.corpus import licences
from caretune.errors import SourceError

USES = ("research", "commercial", "redistribution")


@pytest.mark.parametrize(
    ("name", "uses"),
    [
        ("CC0-1.0", USES),
        ("CC-BY-4.0", USES),
        ("CC-BY-3.0", USES),
        ("CC-BY-SA-4.0", USES),
        ("CC-BY-NC-4.0", ("research", "redistribution")),
        ("CC-BY-NC-SA-4.0", ("research", "redistribution")),
        ("CC-BY-ND-4.0", ("research", "commercial")),
        ("MIT", USES),
        ("Apache-2.0", USES),
        ("BSD-2-Clause", USES),
        ("BSD-3-Clause", USES),
        ("ODC-By-1.0", USES),
        ("ODbL-1.0", USES),
        ("CC-PDDC", USES),
        ("LicenseRef-proprietary", ("research", "commercial")),
        ("LicenseRef-research-only", ("research",)),
        ("unknown", ()),
        ("", ()),
    ],
)
def test_what_a_licence_allows(name, uses):
    """Each use is allowed or not, and an unknown licence allows nothing."""
    assert tuple(use for use in USES if licences.permits(name, use)) == uses
    assert licences.known(name) == bool(uses)


def test_every_licence_says_where_it_was_read():
    """No line of the table is without uses and a source; research is allowed by all."""
    table = licences._table()
    assert len(table) >= 25
    for licence in table.values():
        assert "research" in licence.uses
        assert licence.source.startswith(("https://", "the agreement of"))


def test_the_licences_of_the_shipped_sources_are_known(shipped):
    """params.yaml names no licence that ingest would refuse."""
    assert len(shipped) >= 3
    for name, source in shipped.items():
        licences.check(name, source["license"])


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        pytest.param("cc-by-4.0", " Did you mean CC-BY-4.0?", id="case"),
        pytest.param("WTFPL", "", id="another"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_an_unknown_licence_is_an_error(name, hint):
    """The message names the field, the value, what was probably meant, and three ways out."""
    with pytest.raises(SourceError) as caught:
        licences.check("forum", name)
    assert str(caught.value) == (
        f"params.ingest.sources.forum.license: {name!r} is no licence this project knows.{hint} "
        "Give its SPDX identifier (caretune/corpus/licences.yaml lists them), or "
        "LicenseRef-proprietary or LicenseRef-research-only for rows under an agreement of your "
        "own; or set params.ingest.sources.forum.enabled to false."
    )


def test_duties_are_listed_for_the_data_card():
    """Attribution and share-alike, with the licences that ask for them; unknown ones ask nothing."""
    assert licences.duties({"MIT", "CC-BY-SA-4.0", "CC0-1.0", "unknown"}) == {
        "attribution": ["CC-BY-SA-4.0", "MIT"],
        "share-alike": ["CC-BY-SA-4.0"],
    }


@pytest.fixture
def shipped():
    """The sources of the shipped params."""
    from pathlib import Path

    from caretune.params import loader

    return loader.read_yaml(Path(__file__).parents[3] / "params.yaml")["ingest"]["sources"]
