"""From labelled messages to the taggers of names and addresses, with what they find unseen."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from caretune.safety import address_fit, addresses, marks, name_fit, normalise, pii, scan
from caretune.safety.address_fit import AddressFigures
from caretune.safety.addresses import AddressTagger
from caretune.safety.examples import Example
from caretune.safety.marks import Text
from caretune.safety.name_fit import NameFigures
from caretune.safety.names import Lexicon
from caretune.safety.patterns import Pattern
from caretune.safety.protocol import Protocol
from caretune.safety.tagger import Tagger


class Taggers(NamedTuple):
    """Both taggers and their held-out figures."""

    names: Tagger
    addresses: AddressTagger
    name_figures: NameFigures
    address_figures: AddressFigures


class Reader(NamedTuple):
    """What a text is read with, before any tagger."""

    patterns: Sequence[Pattern]
    protocol: Protocol
    lexicon: Lexicon


def fit(examples: Sequence[Example], folder: Path, reader: Reader, folds: int) -> Taggers:
    """Fit both taggers; the marked texts of names.yaml and addresses.yaml teach in every fold.

    Raises:
        FilterError: A marked text is wrong.
    """
    texts = [Text(example.text, example.addresses) for example in examples]
    forms = marks.read(folder / "addresses.yaml")
    places = address_fit.fit([*texts, *forms], reader.lexicon)
    said = _messages((Text(item.text, item.names) for item in examples), reader, places)
    written = _messages(marks.read(folder / "names.yaml"), reader, places)
    return Taggers(
        name_fit.fit([*said, *written]),
        places,
        name_fit.held_out(said, written, folds),
        address_fit.held_out(texts, forms, reader.lexicon, folds),
    )


def _messages(
    texts: Iterable[Text], reader: Reader, places: AddressTagger
) -> list[name_fit.Message]:
    """Return what the name tagger learns from: of every text what may be a name."""
    scanner, lexicon = scan.private(reader.patterns), reader.lexicon
    numbers, hosts = reader.protocol.allowed_numbers(), reader.protocol.allowed_hosts()
    read = []
    for text, spans in texts:
        view = pii.lined(text, normalise.normalise(text).plain)
        hits, near = scanner.scan(view.text), addresses.find(view.text, lexicon, places)
        named = pii.unclaimed(pii.Candidates(view, hits, near, numbers, hosts, lexicon))
        read.append(name_fit.message(spans, view, named, lexicon))
    return read
