"""How surely a date is somebody's birth date.

Birth words nearby settle it. Without them a full date of the calendar still counts if its year is
one in which a writer can have been born and nothing near speaks of another event: in a chat about
oneself such a date is a birth date more often than not. Parts of a date (no year, digits without
marks, a feast) need the birth words.
"""

import datetime as dt
import re
import unicodedata

import re2

from caretune.safety import scan

_FIRST_YEAR, _LAST_YEAR, _LAST_FREE_YEAR = 1915, 2100, 2016
"""Years in which somebody alive can be born (no clock here: the last lies well ahead), and the last that needs no word of birth nearby."""
_CENTURY, _PIVOT = 100, 30
"""Two digits above the pivot are of the 1900s (POSIX takes 69; births of the 1930s are still told)."""
_BUDDHIST = 543
"""Years that the Thai calendar is ahead."""
_DAYS = 31
_SURE, _LIKELY, _FREE = 0.9, 0.7, 0.6
_CLOSE = 30


class _Words:
    """Words nearby, in any case. RE2 looks for all at once, in a tenth of the time of `re`.

    It knows ASCII words only: elsewhere it says where none can be, and `re` looks at the rest.
    """

    def __init__(self, expression: str) -> None:
        options = re2.Options()
        options.case_sensitive = False
        options.never_capture = True
        self._ascii = re2.compile(expression, options)
        self._wide = re2.compile(scan.widened(expression, ascii_only=False), options)
        self._exact = re.compile(expression, re.IGNORECASE)

    def stand_in(self, text: str) -> bool:
        """Tell whether any of the words stands in a text."""
        if text.isascii():
            return self._ascii.search(text) is not None
        seen = text.encode("utf-8", "replace").decode()  # RE2 takes no lone surrogate
        return self._wide.search(seen) is not None and self._exact.search(text) is not None


_BIRTH = _Words(
    r"\b(?:born|birth\w*|dob|d\.o\.b|b[. -]?day|bdays?|came (?:into|along|on|out)|entered the world|arrived|"
    r"(?:i|he|she|they|you|we|i'll|she'll|he'll)(?: will|'ll)? (?:be|turn(?:s|ed)?) \w+(?:[ -]\w+)?(?: on| in)?|"
    r"turn(?:s|ed|ing)? (?:the big )?[\w-]+(?: on| in)?|child of|baby|showed up|due date|age[ds]?|pisces|"
    r"aries|taurus|gemini|cancerian|leo|virgo|libra|scorpio|sagittarius|capricorn|aquarius|née? le|"
    r"nat[oa] il|naci[óo]|nasci\w*|geboren\w*|geburt\w*|født|född|urodzi\w*|compleanno|cumplea\w+|"
    r"anniversaire|doğum\w*|janamdin|con sinh)\b|родил|рожден|γεννήθηκα|γενέθλια|ميلاد|生年|生まれ|出生|जन्म|เกิด",
)
_FORM = _Words(
    r"\b(?:verify|confirm(?:ed)?|form|file|records?|nhs|insurance|claim|passport|licen[cs]e|chart|social|ssn|"
    r"id|put me down|details|appointment card|wristband|portal|clerk|register|patient|papers?|intake|me)\b",
)
_EVENT = _Words(
    r"\b(?:accident|exams?|finals?|hearing|court|wedding|married|marry|funeral|died|dies|death|passed|"
    r"appointment|meeting|deadline|expir\w+|exp|sober|since|clean|moved|trip|flight|term|festival|psalm|"
    r"version|score|until|by|fall|wall|war|surgery|operation|tenancy|lease|due|divorced?|diagnos\w+|"
    r"started|starts|ended|ends|begin\w*|began|left|quit|stopped|last|discharged?|relapsed?|anniversary|booked|"
    r"attack|crash|signed|published|invoice|dated|when|logged|when:|date:|met|engaged|graduat\w+|hired|fired|"
    r"opened|closed|elected|game|match|concert|launched|landed|backup|updated|posted|delivered)\b",
)
_EVENT_AFTER = re.compile(
    r"^[ ,]{1,2}(?:(?:was|is|will be|for|at|on) )?(?:the |my |our |a |when |that )?(?:accident|wedding|hearing|"
    r"funeral|exams?|deadline|surgery|fireworks|appointment|meeting|court|trial|day|night|until|when|to|flight)\b",
    re.IGNORECASE,
)
_OWNED = re.compile(
    r"\b(?:mine|birthday|girls?|boys?|kids?|sons?|daughters?|twins|children|eldest|youngest)(?:'s| is| are|,)? (?:on )?$",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"^[T ,]{1,2}(?:at )?\d{1,2}:\d\d")
_MONTH = re.compile(
    r"(?:jan|feb|fév|fev|mar|mär|apr|avr|abr|kwi|may|mai|maj|mag|jun|jui|giu|cze|jul|lug|lip|aug|aoû|ago|"
    r"sie|sep|set|wrz|oct|okt|ott|out|paź|nov|lis|dec|dez|dic|déc|gru|gen|ene|янв|фев|мар|апр|мая|июн|июл|"
    r"авг|сен|окт|ноя|дек)|年|tháng|[\u0370-\u03ff\u0900-\u097f\u0e00-\u0e7f]{2}",
    re.IGNORECASE,
)
_OTHER_MONTH = re.compile(
    r"\b(?:muharram|safar|rabi\b|jumada|rajab|sha'?ban|ramadan|shawwal|dhu|meskerem|tikimt|hidar|tahsas|tir\b|"
    r"yekatit|megabit|miyazya|ginbot|sene|hamle|nehase|tishr[ei]i?|cheshvan|kislev|tevet|sh'?vat|adar|nisan|"
    r"iyar|sivan|tammuz|elul|th[aá]ng|farvardin|ordibehesht|khordad|mordad|shahrivar|mehr|aban|azar|bahman|esfand)\b",
    re.IGNORECASE,
)
"""Months of the Islamic, Ethiopian, Jewish, Persian calendars, and Vietnamese for a month."""
_YEAR_WORDS = re.compile(
    r"\b(?:nineteen|twenty|two thousand)\b.{0,4}\b(?:\w+ty|\w+teen|ten|eleven)", re.IGNORECASE
)
_PARTIAL = frozenset({"date_short", "date_feast"})


def score(name: str, value: str, before: str, after: str) -> float:
    """Return how surely a date is a birth date.

    Args:
        name: The pattern that found it.
        value: The date as written, in any of the forms of pii.yaml.
        before: Up to 40 characters before it.
        after: Up to 40 characters after it.

    Returns:
        0.0 = no birth date, 1.0 = one for certain.
    """
    value = _plain_digits(value)
    numbers = [int(number) for number in re.findall(r"\d+", value)]
    year = _year(value, numbers)
    if not _possible(value, numbers, year) or _CLOCK.match(after):
        return 0.0
    if name == "date_compact":
        return _SURE if _BIRTH.stand_in(before[-_CLOSE:]) and _compact(value) else 0.0
    if _BIRTH.stand_in(f"{before[-_CLOSE:]}|{after[:_CLOSE]}") or _OWNED.search(before[-_CLOSE:]):
        return _SURE
    event = _EVENT.stand_in(before[-_CLOSE:]) or _EVENT_AFTER.match(after)
    if name in _PARTIAL or event:
        return 0.0
    if _BIRTH.stand_in(f"{before}|{after}"):
        return _LIKELY
    return _alone(value, numbers, year, before + after)


def _alone(value: str, numbers: list[int], year: int | None, near: str) -> float:
    """Score a date without birth words: it must be whole, and its year one of a writer's birth."""
    if _OTHER_MONTH.search(value) and len(numbers) > 1:
        return _FREE
    worded = _MONTH.search(value) is not None
    spelled = _YEAR_WORDS.search(value) is not None or "年" in value
    whole = spelled or (year is not None and (worded or len(numbers) > 2))  # noqa: PLR2004 - day, month
    if not whole or (year is not None and not _FIRST_YEAR <= year <= _LAST_FREE_YEAR):
        return 0.0
    return _LIKELY if _FORM.stand_in(near) else _FREE


def _plain_digits(value: str) -> str:
    """Write every decimal digit of any script as 0 to 9."""
    if value.isascii():
        return value
    return "".join(
        str(unicodedata.digit(character)) if character.isdecimal() else character
        for character in value
    )


def _year(value: str, numbers: list[int]) -> int | None:
    """Return the year of a date, a short one in the century that its writer means."""
    long = next((number for number in numbers if number > _CENTURY * 10), None)
    if long is not None:
        return long - _BUDDHIST if _FIRST_YEAR < long - _BUDDHIST <= _LAST_YEAR else long
    short = re.search(r"(?:\d[./ -]{1,2}|')(\d\d)$", value)
    if short is None or (len(numbers) < 3 and "'" not in value):  # noqa: PLR2004 - no year among two
        return None
    number = int(short.group(1))
    return number + (_CENTURY * 19 if number > _PIVOT else _CENTURY * 20)


def _possible(value: str, numbers: list[int], year: int | None) -> bool:
    """Tell whether our calendar has a numeric date, and a worded one a year of somebody alive.

    Other calendars' months have other years; digits without marks are looked at elsewhere.
    """
    worded = re.search(r"[^\W\d_]{3}|[年月]", value) is not None
    ours = not worded or _MONTH.search(value) is not None
    if ours and year is not None and not _FIRST_YEAR <= year <= _LAST_YEAR:
        return len(numbers) == 1 and not worded
    if worded or len(numbers) == 1:
        return True
    rest = list(numbers)
    if year is not None:
        rest.pop(0 if numbers[0] > _DAYS else -1)
    pair = rest[:2]
    if len(pair) != 2:  # noqa: PLR2004 - a day and a month
        return True
    return any(_on_calendar(year or 2000, month, day) for day, month in (pair, pair[::-1]))


def _compact(value: str) -> bool:
    """Tell whether digits without marks can be read as a day and a month, in some order."""
    pairs = [(int(value[at : at + 2]), int(value[at + 2 : at + 4])) for at in (0, len(value) - 4)]
    return any(
        _on_calendar(2000, month, day) for pair in pairs for day, month in (pair, pair[::-1])
    )


def _on_calendar(year: int, month: int, day: int) -> bool:
    try:
        dt.date(year, month, day)
    except ValueError:
        return False
    return True
