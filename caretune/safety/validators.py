"""Validators of personal data: how surely a candidate of a pattern is what it looks like.

Checksums and ranges first (Luhn, E.164 lengths, IP addresses), then words nearby: nine digits are a
social security number beside "SSN". Dates have birthdates.py; names and addresses have taggers
(tagger.py, addresses.py). No model: 0.0 = not personal data, 1.0 = certain by its form alone.
"""

import ipaddress
import re
from typing import NamedTuple

from caretune.safety import birthdates
from caretune.safety.taxonomy import PiiType

NEAR = 40
"""How many characters before and after a candidate are looked at."""

_NOT_DIGIT = re.compile(r"\D")
_TAX = re.compile(
    r"\b(?:ssn|social|security|tax|itin|id|claim|file|loans?|identity|scammer|credit|my ex)\b",
    re.IGNORECASE,
)
_CALL = re.compile(
    r"\b(?:call|ring|text|phone|cell|mobile|number|reach|tel|whatsapp|dial|line|fax|ext|on|at|is|got|answer\w*|office|desk)\b",
    re.IGNORECASE,
)
_EXTENSION = re.compile(r",? ?(?:x|ext\.?|extension) ?\d{1,5}$")
_FREE_CALL = re.compile(
    r"(?:(?:\+|00)44 ?|0)80[08]\D|\+?1[ .-]?\(?8(?:00|33|44|55|66|77|88)\)?[ .-]|1[38]00\D"
)
"""Numbers that cost the caller nothing belong to services, such as help lines (Ofcom, NANPA)."""
_DATE_SHAPE = re.compile(r"(?:19|20)\d\d-[01]\d-[0-3]\d|[0-3]?\d([/.-])[0-3]?\d\1(?:19|20)?\d\d$")
_SSN_SHAPE = re.compile(r"\d{3}([ .-])\d\d\1\d{4}")
_STREET_AFTER = re.compile(
    r" (?:[A-ZÀ-Þ][\w'-]+ ){0,3}(?:rue|Rue|[Ss]t(?:reet)?|[Rr]d|[Rr]oad|[Aa]ve(?:nue)?|[Dd]rive|[Ll]ane|[Cc]ourt)\b"
)
_NUMBER_WORD = re.compile(
    r"\b(?:call|ring|text|phone|cell|mobile|number|reach|tel|whatsapp|dial|line|fax|landline|answer\w*)\b",
    re.IGNORECASE,
)
_REACHED = re.compile(r"\b(?:i'm|i am|im|me|he's|she's) (?:up )?on $", re.IGNORECASE)
_PAIRS = re.compile(r"\d\d \d\d \d\d")
"""Local numbers of six digits are told from others by their pairs."""
_CODE = re.compile(
    r"\b(?:order|parcel|tracking|code|ref(?:erence)?|isbn|case (?:no|number|ref\w*|is)|invoice|serial|ticket|version|firmware|"
    r"licen[cs]e|passport|policy|member(?:ship)?|iban|score|psalm|verse|room|bus|train|account|booking|combination|sudoku|barcode)\b",
    re.IGNORECASE,
)
_DIGIT_WORDS = {"double": 1, "triple": 2} | dict.fromkeys(
    (
        "ten",
        "eleven",
        "twelve",
        *(f"{four}teen" for four in ("thir", "four", "fif", "six", "seven", "eigh", "nine")),
    ),
    2,
)
_SSN_DIGITS = 9


class Candidate(NamedTuple):
    """A value with the name of the pattern that found it and the text around it."""

    pattern: str
    kind: PiiType
    value: str
    before: str
    after: str


def score(candidate: Candidate) -> float:  # noqa: PLR0911 - one a type
    """Return how surely a candidate is personal data; names and addresses are their taggers'."""
    name, kind, value, before, after = candidate
    near, digits = before + after, _NOT_DIGIT.sub("", value)
    match kind:
        case PiiType.EMAIL | PiiType.URL:
            return 1.0
        case PiiType.IP:
            return _ip(value, near)
        case PiiType.SSN:
            dashed = name != "ssn_plain" and "-" in value
            spoken = _TAX.search(near) is not None and not _CODE.search(before)
            if name == "ssn_spoken":
                return 0.8 * (spoken and _spoken_digits(value) == _SSN_DIGITS)
            return 0.9 if dashed else 0.8 * spoken
        case PiiType.CREDIT_CARD:
            return 1.0 if luhn(digits) else 0.0
        case PiiType.PHONE:
            return _phone(name, value, before, after)
        case PiiType.DATE_OF_BIRTH:
            return birthdates.score(name, value, before, after)
        case PiiType.ADDRESS | PiiType.NAME:
            raise ValueError(f"{kind} is judged by its tagger, not by a validator")


def luhn(digits: str) -> bool:
    """Tell whether digits end in a valid Luhn check digit (ISO/IEC 7812-1 annex B)."""
    total = 0
    for number, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if number % 2 else 1)
        total += value - 9 if value > 9 else value  # noqa: PLR2004 - the digit sum of 10..18
    return total % 10 == 0 and len(set(digits)) > 1


def _ip(value: str, near: str) -> float:
    try:
        ipaddress.ip_address(value.replace(" dot ", ".").replace(" ", ""))
    except ValueError:
        return 0.0
    if "." in value and re.search(
        r"\b(?:version|firmware|release|build|updated?|v\d)\b", near, re.IGNORECASE
    ):
        return 0.0
    return 1.0


def _phone(name: str, value: str, before: str, after: str) -> float:
    """Score by E.164 length and shape; short or bare numbers need a word such as "call" nearby."""
    near = before + after
    if name == "phone_spoken":
        return 0.8 if _spoken_digits(value) >= 7 else 0.0  # noqa: PLR2004 - a local number
    value = _EXTENSION.sub("", value)
    digits = _NOT_DIGIT.sub("", value)
    least = 6 if _PAIRS.fullmatch(value) else 7
    if not least <= len(digits) <= 15 or _other_number(value, before, after):  # noqa: PLR2004 - E.164
        return 0.0
    if len(digits) <= 7:  # noqa: PLR2004 - without area code: any number looks so
        return 0.7 if _NUMBER_WORD.search(near) or _REACHED.search(before) else 0.0
    groups = re.findall(r"\d+", value)
    shaped = value[0] in "+(" or digits[0] == "0" or [len(g) for g in groups][-2:] == [3, 4]
    if shaped or name == "phone_spaced":
        return 0.9
    least = 8 if _NUMBER_WORD.search(near) else 9
    return 0.7 if _CALL.search(near) and len(digits) >= least else 0.0


def _other_number(value: str, before: str, after: str) -> bool:
    """Tell whether digits are a service's, a house's, or no phone number but years, a date, a code."""
    return bool(
        _CODE.search(f"{before[-25:]}|{after[:12]}")
        or _FREE_CALL.match(value)
        or _STREET_AFTER.match(after)
        or _DATE_SHAPE.match(value)
        or (_SSN_SHAPE.fullmatch(value) and _TAX.search(before + after))
        or re.fullmatch(r"(?:19|20)\d\d[-/. ](?:19|20)?\d\d", value)
    )


def _spoken_digits(value: str) -> int:
    """Count the digits of a number that is partly spelled out."""
    words = re.findall(r"[a-z]+|\d", value.lower().replace("area code", ""))
    return sum(1 for word in words if word not in _DIGIT_WORDS) + sum(
        _DIGIT_WORDS.get(word, 0) for word in words
    )
