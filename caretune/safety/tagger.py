"""Which candidates are a person's name: a logistic regression over a word and its neighbours.

What a candidate looks like, how it ends and the two words on either side decide. The word itself is
never a feature, so that a name that was never seen is judged as one that was.
"""

import math
import re
from collections.abc import Iterable

import msgspec

from caretune.safety.names import Lexicon, Named

_TOKEN = re.compile(r"\n|'s\b|\w+(?:['-]\w+)*|[^\w\s]")
_EDGE = "^"
_ENDS = frozenset('.!?:"(>^\n')


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ACTS = _words(
    "is was has had will would can could won't wouldn't can't couldn't did didn't does doesn't isn't "
    "wasn't hasn't hadn't might never always just still only also who whose that said told rang went left "
    "came got gave made knew sat took found put kept let met ran held broke taught thought felt lost sent "
    "read wrote saw spoke paid bought drove fell flew grew hid hit hurt lent lied slept stood swore threw "
    "woke wore wants thinks keeps asks knows been turns dumped dies died won chose began brought built cut "
    "drank ate forgot froze"
)
_MEETS = _words(
    "with tell tells told telling ask asked asks met meet meeting miss missing missed call called calls "
    "named love loved loves hate hates hated text texted texting texts name name's rang ring phone phoned "
    "lost lose losing forgive saw see seeing know knew as i'm im she's he's hes shes it's me help helped "
    "married dating kissed hugged left leave trust trusted blame blames blamed visit visited thank thanks "
    "mr mrs ms miss dr doctor nurse judge officer pastor sister brother uncle aunt auntie aunty nan gran "
    "grandma grandad father mother coach inspector sergeant detective cousin sir lady madam pani señora "
    "señor don doña tía tío ate kuya mum mom dad friend mate wife husband partner boyfriend girlfriend ex "
    "son daughter baby boss manager neighbour neighbor teacher therapist counsellor counselor landlord "
    "roommate flatmate colleague kid twins brothers sisters"
)
_PLACES = _words(
    "in at to from near around through outside towards via into across under inside past the a an this "
    "that every each of on per"
)
_LINKS = _words(
    "and or but if when because that than then so how what while until since after before between for "
    "about by cuz bc n & yet though like"
)
_CLASSES = (("edge", _ENDS), ("meets", _MEETS), ("places", _PLACES), ("links", _LINKS))
_PERSON = re.compile(
    r"\b(?:he|she|him|her|his|hers|himself|herself|hes|shes|(?:he|she)'(?:s|d|ll))\b"
)
_TITLED = re.compile(
    r"\b(?:mr|mrs|ms|miss|mx|dr|prof|rev|sgt|names?|named|called|signed|regards)[.:]?\s+$"
)
_VERB = re.compile(r"(?:ed|[^s]s)$")
_NO_VERB = frozenset({"is", "his", "this"})
_WORD_ENDING = re.compile(
    r"(?:ing|ed|tions?|ly|ments?|ness|ity|ers?|ists?|ous|ful|ble|ics?|days?|ties|nts?|ise|ize|less|ism|"
    r"ives?|ures?|ages?|ances?|ences?|ship|tic|al|ians?|s)$"
)
_SOFT_ENDING = re.compile(r"(?:[aioey]|in|an|on|en|el|us)$")


class Tagger(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Weights by feature, and the log-odds of a candidate without any of them."""

    weights: dict[str, float]
    offset: float

    def score(self, named: Named, lexicon: Lexicon) -> float:
        """Return the probability that a candidate is a name: 0.0 surely not, 1.0 surely."""
        return self.chance(features(named, lexicon))

    def chance(self, found: Iterable[str]) -> float:
        """Return the probability that features are a name's."""
        weights = self.weights
        return 1.0 / (1.0 + math.exp(-sum([weights.get(name, 0.0) for name in found], self.offset)))


def features(named: Named, lexicon: Lexicon) -> list[str]:
    """Describe a candidate by the names of the features it has."""
    words = named.value.split()
    first, last = words[0].lower(), words[-1].lower()
    lead, follow = named.before.lower(), named.after.lower()
    before = [_EDGE, _EDGE, *_TOKEN.findall(lead[-24:])][-2:]
    token = _TOKEN.search(follow)
    after = token.group() if token else _EDGE
    place = "starts" if before[-1] in _ENDS else "within"
    word = "common" if all(part.lower() in lexicon.common for part in words) else "rare"
    case = "lower" if words[0].islower() else "upper" if words[0].isupper() else "title"
    size = "one" if len(words) == 1 else "more"
    led, follows = _led(before[-1]), _follows(after)
    kind = f"{word} {_given(first, lexicon)} {case}"
    full = " ".join(_part(part.lower(), lexicon) for part in (words[0], words[-1]))
    return [
        named.pattern,
        kind,
        f"{kind} {place} {size}",
        f"full {full} {size}",
        f"full {full} {size} {case} {place}",
        f"titled {_TITLED.search(lead) is not None}",
        f"led {led}",
        f"led {led} {word}",
        f"second {_led(before[0])}",
        f"follows {follows}",
        f"{place} {case} {word} {follows}",
        f"between {led} {follows}",
        f"ends {case} {place} {_WORD_ENDING.search(last) is not None}",
        f"soft {_SOFT_ENDING.search(first) is not None}",
        f"person {_PERSON.search(follow) is not None}",
        f"person before {_PERSON.search(lead) is not None}",
        f"digits {any(map(str.isdigit, named.value))}",
        f"number {any(map(str.isdigit, lead[-6:] + follow[:6]))}",
        f"before {before[-1]}",
        f"after {after}",
        f"capital {named.after.lstrip(' ')[:1].isupper()}",
        f"ascii {named.value.isascii()}",
    ]


def _given(word: str, lexicon: Lexicon) -> str:
    known = word in lexicon.known
    if word in lexicon.given:
        return "both" if known else "given"
    return "known" if known else "other"


def _part(word: str, lexicon: Lexicon) -> str:
    return "everyday" if word in lexicon.common else _given(word, lexicon)


def _led(word: str) -> str:
    for name, words in _CLASSES:
        if word in words:
            return name
    if not word[0].isalnum():
        return word
    return "verb" if word.endswith(("ed", "ing")) else "word"


def _follows(word: str) -> str:
    if word in _ACTS:
        return "acts"
    if not word[0].isalpha():
        return word
    if word in _LINKS or word in _PLACES:
        return "links"
    return "acts" if _VERB.search(word) and word not in _NO_VERB else "word"
