"""Whether a dialogue keeps to its client's profile from the first turn to the last.

The client's turns are read for claims in the first person; the counsellor's statements (no questions)
for the same claims about "you". A claim that denies ("I've never touched cocaine") is held against
the profile too. What no pattern knows is not checked: an empty list says "no contradiction found".
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from caretune.corpus.sources.profile import Profile
from caretune.corpus.sources.raw import RawMessage

_UNITS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
]
_TENS = {
    word: 10 * number
    for number, word in enumerate(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(),  # noqa: SIM905
        start=2,
    )
}
_N = rf"(\d+|(?:{'|'.join(_TENS)})-(?:{'|'.join(_UNITS[1:10])})|{'|'.join([*_TENS, *_UNITS])})"
_KIN = r"(?:grand)?(?:father|mother|dad|mum|mom)|brother|sister|uncle|aunt|cousin|parents"
_SAME_KIN = {"dad": "father", "mum": "mother", "mom": "mother"}
_JOBS = (
    r"nurse|teacher|driver|lawyer|solicitor|engineer|carpenter|plumber|electrician|builder|chef|cook|"
    r"waiter|waitress|barista|cleaner|farmer|soldier|accountant|programmer|doctor|clerk|mechanic"
)
_DENIES = re.compile(
    r"(?:\b(?:no|not|never|without|nobody|none)\b|n['\u2019]t\b)[^.;:!?]{0,25}$", re.IGNORECASE
)
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]?")


class _Claim(NamedTuple):
    """What a pattern claims; `holds` tells whether the profile agrees."""

    fact: str
    pattern: re.Pattern[str]
    holds: Callable[[re.Match[str], Profile], bool]
    deniable: bool = False


def _claim(
    fact: str,
    words: str,
    holds: Callable[[re.Match[str], Profile], bool],
    *,
    deniable: bool = False,
) -> _Claim:
    return _Claim(fact, re.compile(words, re.IGNORECASE), holds, deniable)


def _number(word: str) -> int:
    word = word.casefold()
    if word.isdigit():
        return int(word)
    tens, _, unit = word.partition("-")
    return (
        _UNITS.index(word) if word in _UNITS else _TENS[tens] + (_UNITS.index(unit) if unit else 0)
    )


def _is(fact: str, *values: object) -> Callable[[re.Match[str], Profile], bool]:
    return lambda _, profile: getattr(profile, fact) in values


def _days(match: re.Match[str], profile: Profile) -> bool:
    low = _number(match[1])
    return (low, _number(match[2]) if match[2] else low) == profile.days


def _kin(word: str, profile: Profile) -> bool:
    kin = re.sub("dad|mum|mom", lambda m: _SAME_KIN[m[0]], word.casefold())
    return (
        {"father", "mother"} <= set(profile.relatives)
        if kin == "parents"
        else kin in profile.relatives
    )


_I_AM = r"\bI(?:'m| am|'ve been)"
_CLAIMS = (
    _claim(
        "age",
        rf"(?:\bI(?:'m| am|'ve turned| turned)|\bage|\band) {_N}(?=[,.;]| (?:years|and|this)\b)"
        rf"|\b{_N} years old|\bat {_N}(?:,? I)\b",
        lambda match, profile: _number(next(filter(None, match.groups()))) == profile.age,
    ),
    _claim(
        "onset",
        rf"\b(?:since|before|when) I was {_N}|\bI was {_N} when it\b"
        rf"|\b(?:started|began|regularly)[^.]{{0,30}} at {_N}",
        lambda match, profile: _number(next(filter(None, match.groups()))) == profile.onset,
    ),
    _claim("drinks", rf"\b{_N} drinks\b", lambda m, profile: _number(m[1]) == profile.drinks),
    _claim(
        "days", rf"\b{_N}(?:(?: or |-){_N})? (?:days|nights|evenings) (?:a|each|per) week", _days
    ),
    _claim("home", rf"{_I_AM} married\b|\bmy (?:wife|husband)\b", _is("home", "married")),
    _claim("home", rf"{_I_AM} divorced\b|\b(?:the|my) divorce\b|\bmy ex-", _is("home", "divorced")),
    _claim("home", r"\bnever (?:been |got )?married\b|\bno marriage in", _is("home", "single")),
    _claim("home", rf"{_I_AM} single\b", _is("home", "single", "divorced")),
    _claim(
        "job",
        r"\bI(?:'m| am) an? [\w-]* ?student\b|\bI study\b|\bat university\b",
        _is("job", "student"),
    ),
    _claim("job", r"\ba manager\b", _is("job", "manager")),
    _claim("job", r"\bin sales\b|\bsales(?:man|woman|person)\b", _is("job", "sales")),
    _claim("job", r"\bon disability\b", _is("job", "disability")),
    _claim(
        "job",
        r"\bout of work\b|\bunemployed\b|\bI don't have a job\b|\bI don't work\b",
        _is("job", "unemployed", "disability"),
    ),
    _claim("job", r"\bI work (?:full|in|as|at|for)\b|\bmy boss\b", _is("job", "manager", "sales")),
    _claim("job", rf"\bI(?:'m| am| work as) an? (?:{_JOBS})\b", lambda _, __: False),
    _claim(
        "sex",
        r"\bI(?:'m| am) a (?:man|father|dad|grandfather)\b|\bas a man\b",
        _is("sex", "male", None),
    ),
    _claim(
        "sex",
        r"\bI(?:'m| am) a (?:woman|mother|mum|mom)\b|\bas a woman\b|\bpregnant\b",
        _is("sex", "female", None),
    ),
    _claim(
        "stage",
        r"\bI(?:'ve| have) (?:stopped|quit|given up) drinking\b|\bI want to stop for good\b"
        r"|\bmade up my mind about my drinking\b|\bstarted to change things\b",
        _is("stage", "Action"),
    ),
    _claim(
        "stage",
        r"\bit isn't a problem for me\b|\bI don't want to change\b|\bI don't have a (?:drink\w* )?problem\b",
        _is("stage", "Precontemplation"),
    ),
    _claim(
        "stage",
        r"\bback and forth on my drinking\b|\bcan't decide whether\b",
        _is("stage", "Contemplation"),
    ),
    _claim(
        "help",
        r"\bnever (?:asked any|went to any|talked to any|sought help|had help)|\bfirst talk of the kind\b",
        _is("help", "never", "considered"),
    ),
    _claim("help", r"\bAA\b(?! m?ight)", _is("help", "meetings", "rehab"), deniable=True),
    _claim("help", r"\bdetox\b", _is("help", "detox", "rehab"), deniable=True),
    _claim("help", r"\brehab\b", _is("help", "rehab"), deniable=True),
    _claim(
        "smoker",
        r"\bI smoke(?! weed)\b|\bsmoker\b|\bcigarettes\b",
        _is("smoker", True),
        deniable=True,
    ),
    _claim("smoker", r"\bI (?:don't|never) smoked?(?! weed)\b", _is("smoker", False)),
    _claim("cannabis", r"\bweed\b|\bcannabis\b|\bpot\b", _is("cannabis", True), deniable=True),
    _claim("cocaine", r"\bcoke\b|\bcocaine\b", _is("cocaine", True), deniable=True),
    _claim(
        "substances",
        r"\bnothing else I take\b|\bno other stuff\b|\bdon't use anything else\b",
        lambda _, profile: not (profile.smoker or profile.cannabis or profile.cocaine),
    ),
    _claim(
        "relatives",
        rf"(?:\bfamily:|\bwith it,|\bit goes,)[^.]*?\bmy ({_KIN})\b|\bmy ({_KIN}) (?:drank|was an? (?:alcoholic|drinker))\b",
        lambda match, profile: _kin(match[1] or match[2], profile),
    ),
    _claim(
        "relatives",
        r"\bnobody (?:close to me|in my family) (?:drank|drinks)\b|\bhardly any of it in my family\b"
        r"|\bat home drink was never\b",
        _is("relatives", ()),
    ),
    _claim(
        "mood",
        r"\bmood is fine\b|\bnot a low person\b|\bwouldn't say I'm down\b|\bnever been depressed\b",
        _is("mood", "none"),
    ),
    _claim(
        "mood",
        r"\bmood (?:has been low|is as low)\b|\bvery low for\b|\blow mood hardly\b|\bI have depression\b",
        _is("mood", "mild", "moderate", "severe"),
    ),
)


def check_consistent(messages: Sequence[RawMessage], profile: Profile) -> list[str]:
    """Return every contradiction between a dialogue and its profile, in order; [] = none found.

    Each names the fact and the turn, such as `age at $.messages[2].content`, and quotes nothing. Two
    different ages are found too: at most one of them is the profile's.
    """
    found = []
    for number, message in enumerate(messages):
        for sentence in _SENTENCE.findall(message.content.replace("\u2019", "'")):
            if message.role == "user":
                said = sentence
            elif sentence.endswith("?"):
                continue
            else:
                said = _about_me(sentence)
            found += [
                f"{claim.fact} at $.messages[{number}].content"
                for claim in _CLAIMS
                if any(
                    _contradicts(claim, match, profile) for match in claim.pattern.finditer(said)
                )
            ]
    return list(dict.fromkeys(found))


def _contradicts(claim: _Claim, match: re.Match[str], profile: Profile) -> bool:
    denied = claim.deniable and _DENIES.search(match.string[: match.start()]) is not None
    return claim.holds(match, profile) == denied


def _about_me(sentence: str) -> str:
    """Turn what a counsellor says of the client into the client's own words: "you're" is "I'm"."""
    said = re.sub(r"\byou are\b|\byou're\b", "I'm", sentence, flags=re.IGNORECASE)
    said = re.sub(r"\byou were\b", "I was", said, flags=re.IGNORECASE)
    said = re.sub(r"\byour\b", "my", said, flags=re.IGNORECASE)
    return re.sub(r"\byou\b", "I", said, flags=re.IGNORECASE)
