"""The filter bundle on disk: seven plain files under one digest; no pickle, nothing to execute.

bundle.json names the sha256 of the other files, so that the sha256 of bundle.json names them all.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from caretune import records
from caretune.errors import FilterError
from caretune.lineage import digest
from caretune.safety import heads
from caretune.safety.addresses import AddressTagger
from caretune.safety.heads import Heads
from caretune.safety.names import Lexicon
from caretune.safety.patterns import Pattern
from caretune.safety.protocol import Protocol
from caretune.safety.tagger import Tagger

FORMAT = 2
HEADER = "bundle.json"
_HEADS = "heads.safetensors"
_PATTERNS = "patterns.json"
_PROTOCOL = "protocol.json"
_CANARIES = "canaries.json"
_TAGGER = "tagger.json"
_ADDRESSES = "addresses.json"
_WORDS = "words.json"
_FILES = (_ADDRESSES, _CANARIES, _HEADS, _PATTERNS, _PROTOCOL, _TAGGER, _WORDS)


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """bundle.json; `features` holds `bits`, the size of the hashed space as a power of two."""

    format: int
    files: dict[str, str]
    heads: list[str]
    thresholds: dict[str, float]
    features: dict[str, int]
    max_message_chars: int
    versions: dict[str, str]


class Canary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message with what a sound bundle says of it."""

    text: str
    role: str
    context: str | None
    expected: dict[str, Any]


class Bundle(NamedTuple):
    """All that the chain needs."""

    header: Header
    patterns: list[Pattern]
    protocol: Protocol
    heads: Heads
    lexicon: Lexicon
    tagger: Tagger
    places: AddressTagger
    canaries: list[Canary]
    digest: str


class Parts(NamedTuple):
    """What a bundle is written from."""

    patterns: list[Pattern]
    protocol: Protocol
    heads: Heads
    thresholds: dict[str, float]
    lexicon: Lexicon
    tagger: Tagger
    places: AddressTagger
    max_message_chars: int
    versions: dict[str, str]


def write(folder: Path, parts: Parts, canaries: Sequence[Canary]) -> str:
    """Write a bundle into a folder and return its digest; equal parts give equal bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    records.write_json(folder / _PATTERNS, parts.patterns)
    records.write_json(folder / _PROTOCOL, parts.protocol)
    records.write_json(folder / _WORDS, parts.lexicon.listed())
    records.write_json(folder / _TAGGER, parts.tagger)
    records.write_json(folder / _ADDRESSES, parts.places)
    records.write_json(folder / _CANARIES, list(canaries))
    (folder / _HEADS).write_bytes(heads.dump(parts.heads))
    header = Header(
        format=FORMAT,
        files={name: digest.sha256_file(folder / name) for name in _FILES},
        heads=list(parts.heads.names),
        thresholds=parts.thresholds,
        features={"bits": parts.heads.bits},
        max_message_chars=parts.max_message_chars,
        versions=parts.versions,
    )
    records.write_json(folder / HEADER, header)
    return digest.sha256_file(folder / HEADER)


def read(folder: Path) -> Bundle:
    """Read a bundle back, every byte checked against bundle.json.

    Raises:
        FilterError: Names the file that is missing, altered, unknown or of another format.
    """
    header = _header(folder / HEADER)
    for name, expected in sorted(header.files.items()):
        path = folder / name
        if not path.exists():
            raise FilterError(f"{path}: missing from the filter bundle. Run `dvc checkout`.")
        if digest.sha256_file(path) != expected:
            raise FilterError(
                f"{path}: has other bytes than {HEADER} says. Run `dvc checkout --force`."
            )
    return Bundle(
        header=header,
        patterns=_decode(folder / _PATTERNS, list[Pattern]),
        protocol=_decode(folder / _PROTOCOL, Protocol),
        heads=heads.load(folder / _HEADS, tuple(header.heads), header.features["bits"]),
        lexicon=_decode(folder / _WORDS, Lexicon),
        tagger=_decode(folder / _TAGGER, Tagger),
        places=_decode(folder / _ADDRESSES, AddressTagger),
        canaries=_decode(folder / _CANARIES, list[Canary]),
        digest=digest.sha256_file(folder / HEADER),
    )


def _header(path: Path) -> Header:
    """Return bundle.json where it names what is read here, no more and no less."""
    header: Header = _decode(path, Header)
    if header.format != FORMAT:
        raise FilterError(
            f"{path}: format {header.format}, this caretune reads {FORMAT}. Run `dvc repro filters`."
        )
    if wrong := sorted(set(_FILES) ^ set(header.files)):
        raise FilterError(
            f"{path}: names {len(header.files)} files, not the {len(_FILES)} of a bundle "
            f"({wrong[0]} is missing or too many at $.files). Run `dvc checkout --force`."
        )
    if "bits" not in header.features:
        raise FilterError(f"{path}: no size at $.features.bits. Run `dvc checkout --force`.")
    return header


def _decode(path: Path, kind: Any) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        raise FilterError(f"{path}: missing from the filter bundle. Run `dvc checkout`.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FilterError(f"{path}: {error}. Run `dvc repro filters`.") from None
