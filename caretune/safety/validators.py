"""Validators of personal data: how surely a candidate of a pattern is what it looks like.

Checksums and ranges first (Luhn, dates, E.164 lengths, IP addresses), then words nearby: a date is
a birth date beside "born", nine digits a social security number beside "SSN". No model: 0.0 = not
personal data, 1.0 = certain by its form alone.
"""

import datetime as dt
import ipaddress
import re
from typing import NamedTuple

from caretune.safety.taxonomy import PiiType

NEAR = 40
"""How many characters before and after a candidate are looked at."""

_NOT_DIGIT = re.compile(r"\D")
_BIRTH = re.compile(
    r"\b(?:born|birth(?:day|date)?|dob|d\.o\.b|b\.?day|bday|i was born|came into|arrived|turn(?:s|ed|ing)?"
    r" \w+|(?:i'll|i|he|she|i'm|be) (?:be )?\d\d|age[ds]?|child of|baby|showed up|due date)\b",
    re.IGNORECASE,
)
_FORM = re.compile(
    r"\b(?:verify|confirm(?:ed)?|form|file|record|nhs|insurance|claim|passport|licence|license|chart|"
    r"social|ssn|id|put me down|details|appointment card|wristband|portal|clerk|register|patient)\b",
    re.IGNORECASE,
)
_EVENT = re.compile(
    r"\b(?:accident|exam|finals?|hearing|court|wedding|funeral|died|passed|appointment|meeting|deadline|"
    r"expir\w+|exp|sober|since|clean|moved|trip|flight|term|festival|psalm|version|score|until|by)\b",
    re.IGNORECASE,
)
_TAX = re.compile(
    r"\b(?:ssn|social|security|tax|itin|id|claim|file|loans?|identity|scammer|credit|my ex)\b",
    re.IGNORECASE,
)
_CALL = re.compile(
    r"\b(?:call|ring|text|phone|cell|mobile|number|reach|tel|whatsapp|dial|line|fax|ext|on|at|is|got)\b",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"\b(?:order|parcel|tracking|code|ref(?:erence)?|isbn|case|invoice|serial|ticket|version|firmware|"
    r"score|psalm|verse|room|bus|train|account|booking|combination|sudoku|barcode)\b",
    re.IGNORECASE,
)
_STREET = re.compile(
    r"(?i)\b(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|court|ct|close|way|place|pl|terrace|crescent|"
    r"gardens?|grove|hill|mews|square|row|boulevard|blvd|highway|hwy|parade|quay|bank|mead|view|rise|walk|"
    r"park|green|fold|end|yard|house|farm|cottages?|parkway|circle|cir|trail|steps|loop|reach|vale|dale|"
    r"estate|heights|lodge|towers?|wharf|lock|rue|calle|via|straße|strasse|weg|gasse|plaza|flat|apt|unit|"
    r"room|suite|lot|block|building|ward|mooring|pitch|canal|river|wynd|brae|gate|croft|field|meadows?|"
    r"crossing|bend|pike|route|alley|garth|chase|drift|loan|spur|common|copse|dell|gables|barn)\b"
    r"|(?:straat|weg|gata|gatan|vägen|stigen|straße|strasse|gasse|plein|laan|vej|gade)\b"
)
_NEEDS_STREET = frozenset({"address_street", "address_unit"})
_NAME_VERB = re.compile(
    r"(?:'s\b|,? (?:and|who|is|was|rang|told|had|went|left|will|just|never|always|still|can|did|came|got|"
    r"made|knew|sat|gave|took|found|put|won't|would|said|from|or|n|&)\b|,? [a-z]{2,10}(?:s|ed)\b)"
)
_NAME_BEFORE = re.compile(
    r"(?:\b(?:with|talk(?:ing)? to|tell|told|ask|met|miss|called|named|about|love|hate|text|name|when|rang|"
    r"losing|losing|lost|forgive|but|that|than|because|if|between|cuz|lose|saw|know|as|me|i'm|she's|he's))"
    r" $",
    re.IGNORECASE,
)
# English endings that names seldom have: a rare word at a sentence's start is mostly one of these.
_WORD_ENDING = re.compile(
    r"(?:ing|ed|tion|ly|ment|ness|ity|ers?|ists?|ous|ful|ble|ics?|day|ties|nt|ful|ise|ize)$"
)
# Capitalised, and no person: days, months, feasts, nations and tongues, brands, well-known names.
_OTHER_CAPITALS = (
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july "
    "august september october november december christmas easter eid diwali ramadan hanukkah halloween "
    "english british american irish scottish welsh french german spanish polish indian chinese japanese "
    "african asian muslim christian jewish hindu catholic sikh black white god lord jesus allah buddha bible "
    "quran psalm google facebook instagram whatsapp tiktok youtube netflix spotify amazon zoom teams reddit "
    "discord uber tesco aldi lidl ikea duolingo london paris york manchester leeds cork perth calgary "
    "dublin glasgow edinburgh boston chicago texas california europe america england ireland scotland wales "
    "britain france germany spain italy poland india china japan canada australia lebanon ukraine syria "
    "africa asia nhs adhd ocd ptsd bpd dbt cbt aa uk us usa tv gp ok dr mr mrs ms miss mum mom dad mama papa "
    "nan gran grandma grandad auntie uncle sir maam hello hi hey dear messi dumbledore potter hogwarts "
    "shakespeare einstein freud darwin beyonce taylor swift elvis batman superman spiderman sherlock "
    "cinderella hamlet macbeth mozart beethoven picasso eiffel everest wimbledon premier league "
    "king queen prince princess president doctor nurse officer sesame downing wall scorpio pisces leo "
    "virgo libra aries taurus gemini capricorn aquarius cancer flight room receipt"
)
_NOT_NAMES = frozenset(_OTHER_CAPITALS.split())


class Candidate(NamedTuple):
    """A value with the name of the pattern that found it and the text around it."""

    pattern: str
    kind: PiiType
    value: str
    before: str
    after: str


def score(candidate: Candidate, common: frozenset[str]) -> float:  # noqa: PLR0911 - one a type
    """Return how surely a candidate is personal data; `common` are words that are no names."""
    name, kind, value, before, after = candidate
    near, digits = before + after, _NOT_DIGIT.sub("", value)
    match kind:
        case PiiType.EMAIL | PiiType.URL:
            return 1.0
        case PiiType.IP:
            return _ip(value, near)
        case PiiType.SSN:
            dashed = name != "ssn_plain" and "-" in value
            spoken = _TAX.search(near) is not None and not _CODE.search(near)
            return 0.9 if dashed else 0.8 * spoken
        case PiiType.CREDIT_CARD:
            return 1.0 if luhn(digits) else 0.0
        case PiiType.PHONE:
            return _phone(name, value, digits, near)
        case PiiType.DATE_OF_BIRTH:
            return _birth_date(value, before, after)
        case PiiType.ADDRESS:
            # A pattern that names no kind of street needs the validator to find one.
            street = name not in _NEEDS_STREET or _STREET.search(value)
            return 0.8 if street and _famous(value) is False else 0.0
        case PiiType.NAME:
            return _name(name, value, before, after, common)


def _famous(value: str) -> bool:
    """Tell whether an address is a byword, such as a street of a film."""
    return value.partition(" ")[0].lower() in _NOT_NAMES


def luhn(digits: str) -> bool:
    """Tell whether digits end in a valid Luhn check digit (ISO/IEC 7812-1 annex B)."""
    total = 0
    for number, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if number % 2 else 1)
        total += value - 9 if value > 9 else value  # noqa: PLR2004 - the digit sum of 10..18
    return total % 10 == 0 and len(set(digits)) > 1


def _ip(value: str, near: str) -> float:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return 0.0
    if "." in value and re.search(
        r"\b(?:version|firmware|release|build|v\d)\b", near, re.IGNORECASE
    ):
        return 0.0
    return 1.0


def _phone(name: str, value: str, digits: str, near: str) -> float:
    """Score by E.164 length and shape; short or bare numbers need a word such as "call" nearby."""
    if name == "phone_spoken":
        return 0.8
    if not 7 <= len(digits) <= 15 or _CODE.search(near):  # noqa: PLR2004 - E.164, local minimum
        return 0.0
    if re.fullmatch(r"(?:19|20)\d\d[-/. ](?:19|20)?\d\d", value) or re.search(r"\d:\d", value):
        return 0.0
    groups = re.findall(r"\d+", value)
    shaped = value[0] in "+(" or digits[0] == "0" or [len(g) for g in groups][-2:] == [3, 4]
    if shaped:
        return 0.9
    return 0.7 if _CALL.search(near) and len(digits) >= 9 else 0.0  # noqa: PLR2004 - with area code


def _birth_date(value: str, before: str, after: str) -> float:
    """Score a date by birth words nearby, or by a plausible birth year in a form's company."""
    if _BIRTH.search(before + after):
        return 0.9
    years = [int(year) for year in re.findall(r"(?:19|20)\d\d", value)]
    numeric = value[0].isdigit() and not re.search(r"[a-zA-Z]{3}", value)
    if numeric and not _possible_date(value):
        return 0.0
    if _EVENT.search(before[-25:]) or not (numeric or years):
        return 0.0
    past = all(1915 <= year <= 2016 for year in years)  # noqa: PLR2004 - somebody alive who writes
    if past and (_FORM.search(before + after) or (numeric and years)):
        return 0.7
    listed = bool(re.search(r"[,:] ?$", before)) or after.startswith((",", " and"))
    return 0.6 if past and years and listed else 0.0


def _possible_date(value: str) -> bool:
    parts = [int(part) for part in re.findall(r"\d+", value)]
    year = next((part for part in parts if part > 31), 2000)  # noqa: PLR2004 - no day is above 31
    rest = [part for part in parts if part <= 31][:2]  # noqa: PLR2004
    for day, month in (rest, rest[::-1]) if len(rest) == 2 else ():  # noqa: PLR2004 - day and month
        try:
            dt.date(year if year > 31 else 2000, month, day)  # noqa: PLR2004
        except ValueError:
            continue
        return True
    return False


def _name(name: str, value: str, before: str, after: str, common: frozenset[str]) -> float:
    lowered = [re.sub(r"'s?$", "", word).lower() for word in value.split()]
    rare = [word not in common for word in lowered]
    if any(word in _NOT_NAMES for word in lowered) or value.isupper():
        return 0.0
    if name == "name_capital":
        return _capitalised(lowered, before, after) if all(rare) else 0.0
    introduced = rare[0] or (len(lowered) > 1 and name != "name_lower")
    return (0.7 if name == "name_lower" else 0.9) if introduced else 0.0


def _capitalised(lowered: list[str], before: str, after: str) -> float:
    """Score rare capitalised words: two in a row, or one that acts or is spoken to."""
    if len(lowered) > 1:
        return 0.7
    acts = _NAME_VERB.match(after) is not None
    if not before.rstrip() or before.rstrip()[-1] in '.!?:"(':
        return 0.6 if acts and not _WORD_ENDING.search(lowered[0]) else 0.0
    return 0.7 if acts or _NAME_BEFORE.search(before) else 0.0
