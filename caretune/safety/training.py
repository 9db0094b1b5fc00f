"""From labelled messages to a bundle: features, heads, word list, canaries."""

from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from ruamel.yaml import YAML

from caretune.errors import FilterError
from caretune.safety import (
    bundle,
    features,
    fit,
    language,
    normalise,
    patterns,
    protocol,
    scan,
    taggers,
)
from caretune.safety.address_fit import AddressFigures
from caretune.safety.bundle import Bundle, Canary, Header, Parts
from caretune.safety.chain import Chain
from caretune.safety.examples import HEADS, Example, small_talk
from caretune.safety.fit import Fitted
from caretune.safety.name_fit import NameFigures
from caretune.safety.names import Lexicon
from caretune.safety.patterns import Pattern
from caretune.safety.taggers import Reader
from caretune.safety.taxonomy import severity_rank

_MIN_COMMON_TEXTS = 2
_ANSWERED = frozenset({"severity/moderate", "severity/high", "severity/imminent"})


class Settings(NamedTuple):
    """How heads are trained; the fields of params.filters of the same names."""

    seed: int
    folds: int
    feature_bits: int
    inverse_regularisation: float
    max_false_alarm_rate: float
    crisis_noted_false_alarm_rate: float
    crisis_answered_false_alarm_rate: float
    max_message_chars: int


class Trained(NamedTuple):
    """A bundle's parts, and what training measured."""

    parts: Parts
    fitted: Fitted
    chain: Chain
    canaries: list[Canary]
    names: NameFigures
    addresses: AddressFigures


class _CanaryText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str
    role: str
    least: str
    most: str
    context: str | None = None


def train(examples: Sequence[Example], folder: Path, settings: Settings) -> Trained:
    """Train heads over a folder of pattern files and prove the result on its canaries.

    Raises:
        FilterError: A pattern file is wrong, or a canary is judged outside its bounds.
    """
    found = patterns.load(folder)
    brief: Any = YAML(typ="safe", pure=True).load(folder / "small_talk.yaml")
    examples = [*examples, *small_talk(brief["user"], brief["assistant"])]
    fitted = fit.fit(
        _rows(examples, found, settings.feature_bits),
        examples,
        settings.feature_bits,
        settings.folds,
        settings.inverse_regularisation,
        {head: _false_alarm_rate(head, settings) for head in HEADS},
        settings.seed,
    )
    guide = protocol.load(folder / "protocol.yaml")
    lexicon = _lexicon(folder / "names.yaml", examples)
    private = taggers.fit(examples, folder, Reader(found, guide, lexicon), settings.folds)
    parts = Parts(
        patterns=found,
        protocol=guide,
        heads=fitted.heads,
        thresholds=fitted.thresholds,
        lexicon=lexicon,
        tagger=private.names,
        places=private.addresses,
        max_message_chars=settings.max_message_chars,
        versions={name: version(name) for name in ("numpy", "scikit-learn")},
    )
    chain = Chain(_bundle(parts))
    return Trained(
        parts,
        fitted,
        chain,
        _prove(chain, folder / "canaries.yaml"),
        private.name_figures,
        private.address_figures,
    )


def _rows(examples: Sequence[Example], found: Sequence[Pattern], bits: int) -> list[features.Row]:
    scanner = scan.spoken(found)
    rows = []
    for example in examples:
        text = normalise.normalise(example.text).folded.text
        before = normalise.normalise(example.context or "").folded.text
        names = features.told(scanner.scan(text))
        rows.append(features.row(text, names, bits, before))
    return rows


def _false_alarm_rate(head: str, settings: Settings) -> float:
    if head in _ANSWERED:
        return settings.crisis_answered_false_alarm_rate
    if head.startswith(("severity/", "type/")):
        return settings.crisis_noted_false_alarm_rate
    return settings.max_false_alarm_rate


def _lexicon(path: Path, examples: Iterable[Example]) -> Lexicon:
    content: Any = YAML(typ="safe", pure=True).load(path)
    given, known = (frozenset(content[name].split()) for name in ("given", "known"))
    return Lexicon(given, known, _common(examples))


def _common(examples: Iterable[Example]) -> frozenset[str]:
    """Return words written in lower case in two texts or more: at a sentence's start no name.

    The personal-data set is left out: its writers type names in lower case.
    """
    texts = Counter(
        word
        for example in examples
        if example.task != "pii"
        for word in set(f"{example.text} {example.context or ''}".replace("\u2019", "'").split())
    )
    stripped: Counter[str] = Counter()
    for word, count in texts.items():
        bare = word.strip(".,;:!?\"'()-")
        if bare.islower():
            stripped[bare] += count
    kept = {word for word, count in stripped.items() if count >= _MIN_COMMON_TEXTS}
    return frozenset(kept | language.ENGLISH_WORDS)


def _bundle(parts: Parts) -> Bundle:
    header = Header(
        bundle.FORMAT, {}, list(HEADS), parts.thresholds, {}, parts.max_message_chars, {}
    )
    return Bundle(
        header,
        parts.patterns,
        parts.protocol,
        parts.heads,
        parts.lexicon,
        parts.tagger,
        parts.places,
        [],
        "",
    )


def _prove(chain: Chain, path: Path) -> list[Canary]:
    content: Any = YAML(typ="safe", pure=True).load(path)
    canaries = []
    for number, canary in enumerate(msgspec.convert(content, list[_CanaryText]), start=1):
        decision = chain.scan_message(canary.text, canary.role, canary.context)
        severity = decision.crisis.severity
        rank = severity_rank(severity)
        if not severity_rank(canary.least) <= rank <= severity_rank(canary.most):
            raise FilterError(
                f"{path}: canary {number} is judged {severity}, allowed are {canary.least} to "
                f"{canary.most}. Mend a pattern or the labelled messages."
            )
        shown = chain.replay(canary.text, canary.role, canary.context)
        canaries.append(Canary(canary.text, canary.role, canary.context, shown))
    return canaries
