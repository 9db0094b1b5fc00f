"""Which domain a request belongs to, told before a model reads it: hashed words, linear heads.

The classifier picks static gates: one expert for a whole request, the same for equal words, so that
the choice can be repeated and explained. It is trained by caretune/training/domains.py, lies beside
the adapter whose experts it picks, and needs neither torch nor scikit-learn.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from caretune import records
from caretune.errors import ModelError
from caretune.lineage import digest
from caretune.records import Message
from caretune.safety import features, heads, normalise
from caretune.safety.features import Row
from caretune.safety.heads import Heads, Scorer
from caretune.safety.taxonomy import Severity, severity_rank

FORMAT = 1
HEADER = "domains.json"
CRISIS = "crisis_safety"
"""Domain of every request whose risk the filters call moderate or graver."""
_ARRAYS = "domains.safetensors"


class Share(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A share 0..1 of `n` requests with its two-sided 95 % interval; None where there were none.

    Wilson's interval over the families: requests of one family are no independent evidence.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    families: int


class Validation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the classifier does on families of `train` that it did not see, children left out.

    The shares are accuracies by domain and of `all`, 1.0 = every request goes to its domain.
    """

    last: dict[str, Share]
    """At a conversation's last request, all that was said before it known."""
    first: dict[str, Share]
    """At a client's first message, which is all that is known."""
    calibration_error: float
    """Expected calibration error of the predicted domain's probability, over every request; 0.0 = it is
    the share of hits."""


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """domains.json."""

    format: int
    bits: int
    """Size of the hashed space, as a power of two."""
    heads: list[str]
    """Domains, in the order of the arrays' columns."""
    experts: dict[str, str]
    """Domain -> the expert that was trained for it; every head has one."""
    arrays: str
    """sha256 of domains.safetensors."""
    validation: Validation


class Choice(NamedTuple):
    """The expert of one request."""

    expert: str
    domain: str
    by: Literal["filters", "classifier"]
    """Who decided: the filters where they found a risk, else the classifier."""
    probability: float
    """Of the classifier's own domain, 0..1 over all domains."""


class Domains:
    """A trained classifier, ready for requests.

    Args:
        header: What domains.json holds.
        found: The heads, one a domain.
    """

    def __init__(self, header: Header, found: Heads) -> None:
        self.header = header
        self._scorer = Scorer(found)

    def probabilities(self, messages: Sequence[Message]) -> dict[str, float]:
        """Return domain -> probability of a request; they sum to 1."""
        scores = self._scorer.score(row(messages, self.header.bits))
        total = sum(scores.values())
        return {name: score / total for name, score in scores.items()}

    def choose(self, messages: Sequence[Message], severity: str) -> Choice:
        """Return the expert of a request: a risk decides first, then the likeliest domain.

        Args:
            messages: The conversation; what follows its last client message is not read.
            severity: What the filters say of it. From moderate on, and where it could not be
                scored, the request is of the domain `crisis_safety`, if there is one.
        """
        chances = self.probabilities(messages)
        likeliest = max(chances, key=lambda name: chances[name])
        experts = self.header.experts
        if CRISIS in experts and severity_rank(severity) >= severity_rank(Severity.MODERATE):
            return Choice(experts[CRISIS], CRISIS, "filters", chances[likeliest])
        return Choice(experts[likeliest], likeliest, "classifier", chances[likeliest])


def row(messages: Sequence[Message], bits: int) -> Row:
    """Return the features of a request: its words up to the last client message, both sides'."""
    asked = requests(messages)[-1]
    said = "\n".join(message.content for message in asked if message.role != "system")
    return features.row(normalise.normalise(said).folded.text, (), bits)


def requests(messages: Sequence[Message]) -> list[Sequence[Message]]:
    """Return what is known at each client message; all of it where no client speaks."""
    ends = [place for place, message in enumerate(messages) if message.role == "user"]
    return [messages[: end + 1] for end in ends] or [messages]


def one_hot(expert: str, experts: Sequence[str]) -> list[float]:
    """Return the static gates that pick one expert, in the order of the adapter's experts.

    Raises:
        ModelError: The adapter has no such expert.
    """
    if expert not in experts:
        raise ModelError(
            f"the domain classifier names the expert {expert}, the adapter has "
            f"{', '.join(experts) or 'none'}. Run `dvc repro train`."
        )
    return [float(name == expert) for name in experts]


def check(folder: Path, header: Header, experts: Sequence[str]) -> None:
    """Check that a classifier can route the requests of an adapter, a risk among them.

    Args:
        folder: Where both lie, for the error.
        header: What domains.json holds.
        experts: Names of the adapter's experts.

    Raises:
        ModelError: It names an expert that the adapter lacks, or none for a risk.
    """
    remedy = "Run `dvc repro train`, or set params.service.routing to token."
    if CRISIS not in header.experts:
        raise ModelError(f"{folder / HEADER}: no expert for {CRISIS}. {remedy}")
    if lacking := sorted(set(header.experts.values()) - set(experts)):
        raise ModelError(
            f"{folder / HEADER}: names the expert {', '.join(lacking)}, the adapter has "
            f"{', '.join(experts) or 'none'}. {remedy}"
        )


def write(folder: Path, found: Heads, experts: dict[str, str], validation: Validation) -> None:
    """Write a classifier beside an adapter; equal heads give equal bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _ARRAYS).write_bytes(heads.dump(found))
    header = Header(
        format=FORMAT,
        bits=found.bits,
        heads=list(found.names),
        experts=experts,
        arrays=digest.sha256_file(folder / _ARRAYS),
        validation=validation,
    )
    records.write_json(folder / HEADER, header)


def read(folder: Path) -> Domains:
    """Read the classifier that lies beside an adapter.

    Raises:
        ModelError: There is none, or it is not of this version, or its arrays are other bytes, or a
            domain has no expert.
        FilterError: Its arrays do not fit its domains.
    """
    path = folder / HEADER
    try:
        header = msgspec.json.decode(path.read_bytes(), type=Header)
    except FileNotFoundError:
        raise ModelError(
            f"{path}: no domain classifier beside this adapter. Run `dvc repro train`, or set "
            "params.service.routing to token."
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: {error}. Run `dvc repro train`.") from None
    arrays = folder / _ARRAYS
    if header.format != FORMAT or not arrays.is_file():
        raise ModelError(
            f"{path}: format {header.format}, this caretune reads {FORMAT} with {_ARRAYS} beside "
            "it. Run `dvc repro train`."
        )
    if digest.sha256_file(arrays) != header.arrays:
        raise ModelError(f"{arrays}: has other bytes than {HEADER} says. Run `dvc checkout`.")
    if alone := [name for name in header.heads if name not in header.experts]:
        raise ModelError(f"{path}: no expert for {', '.join(alone)}. Run `dvc repro train`.")
    return Domains(header, heads.load(arrays, tuple(header.heads), header.bits))
