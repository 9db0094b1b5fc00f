"""What the licences of the sources allow; a table of common ones, by SPDX identifier.

Not legal advice. The table is a reading of the licences' own words, each with the place it was read
in; whether a row was rightly put under its licence, whether training is a use of it, and what the
law of a country adds, no table tells.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import msgspec
from ruamel.yaml import YAML

from caretune.errors import SourceError

Use = Literal["research", "commercial", "redistribution"]
"""What the rows, and what is made of them, are for; redistribution = handing rows on."""
Duty = Literal["attribution", "share-alike"]
"""What a user owes: naming the author and keeping notices; sharing under the same licence."""


class Licence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One licence: what it allows, what it asks for, and where it says so."""

    uses: list[Use]
    duties: list[Duty]
    source: str


def known(license: str) -> bool:  # noqa: A002 - the field's name everywhere
    """Return whether the table has a licence."""
    return license in _table()


def permits(license: str, use: str) -> bool:  # noqa: A002 - as above
    """Return whether a licence allows a use; one that is not in the table allows nothing."""
    found = _table().get(license)
    return found is not None and use in found.uses


def duties(licenses: set[str]) -> dict[str, list[str]]:
    """Return duty -> the licences that ask for it, sorted; for the data card."""
    asked: dict[str, list[str]] = {"attribution": [], "share-alike": []}
    for name in sorted(licenses & _table().keys()):
        for duty in _table()[name].duties:
            asked[duty].append(name)
    return asked


def check(source: str, license: str) -> None:  # noqa: A002 - as above
    """Check that a source's licence is in the table.

    Raises:
        SourceError: It is not; the message names the field, and a licence that is written nearly so.
    """
    if known(license):
        return
    near = {name.casefold(): name for name in _table()}.get(license.strip().casefold())
    hint = f" Did you mean {near}?" if near else ""
    raise SourceError(
        f"params.ingest.sources.{source}.license: {license!r} is no licence this project knows.{hint} "
        "Give its SPDX identifier (caretune/corpus/licences.yaml lists them), or "
        "LicenseRef-proprietary or LicenseRef-research-only for rows under an agreement of your "
        f"own; or set params.ingest.sources.{source}.enabled to false."
    )


@lru_cache(1)
def _table() -> dict[str, Licence]:
    read: Any = YAML(typ="safe", pure=True).load(Path(__file__).with_name("licences.yaml"))
    return msgspec.convert(read, dict[str, Licence])
