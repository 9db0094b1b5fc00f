"""The protocol table: replies, crisis lines and recommended actions, data that clinicians sign.

A line stands for one country and one kind; a reply is filled with those of the reader's country that
have not expired, and with the table's defaults where the country is not known or has none. The lines
are also the allow-list of redaction: a number a person may need is never hidden.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from caretune.errors import FilterError
from caretune.safety.decision import PiiSpan
from caretune.safety.normalise import View
from caretune.safety.taxonomy import PiiType, Severity, Subject

SIGNATURES_NEEDED = 2
"""Different clinicians that must sign before the table is called reviewed."""
_NOT_DIGIT = re.compile(r"\D")
_PLACE = re.compile(r"\{(\w*)\}")
_PLACES = frozenset({"lines", "emergency", "minors"})
_ENGLISH = "en"
_NEEDED = frozenset({
    "self_high", "self_imminent", "other_high", "other_imminent", "unscored", "blocked",
    "minors", "no_lines", "no_emergency",
})  # fmt: skip
_COUNTRIES = {"GB": "UK"}
# A number that a reply tells people to use, of at least three digits: "text HOME to 741741".
_OFFERED = re.compile(
    r"\b(?i:call|ring|dial|phone|contact|text|sms|message|number is|hotline|helpline|lifeline)(?:ing|s)?"
    r"(?:(?:[ :,]{1,2}(?:the|us|them|is|on|at|to|or|line|number|hotline|helpline|lifeline|[A-Z]{2,10})\b){0,4}"
    r"|(?:[ :,]{1,2}[A-Z][\w'&]{0,14}| line| helpline| hotline| of| the){1,5} (?:on|at|to))"
    r"[ :,]{1,2}(?P<number>\+?\(?\d[\d ().-]{1,18}\d)(?![\w:]|[.,]\d)",
)


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A crisis line, a line for minors or an emergency number.

    Null dates and reviewer mean that nobody has checked it; from the day `expiry` on, it is not offered.
    """

    id: str
    kind: Literal["crisis", "minor", "emergency"]
    locale: str
    name: str
    say: str
    numbers: list[str]
    url: str | None
    hours: str
    date_checked: dt.date | None
    expiry: dt.date | None
    reviewer: str | None


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A clinician's signature under the whole table."""

    name: str
    role: str
    date: str


class Protocol(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table; `replies` by language and name, `actions` by subject and severity."""

    signatures: list[Signature]
    lines: list[Line]
    default_lines: list[str]
    default_emergency: list[str]
    actions: dict[str, dict[str, list[str]]]
    replies: dict[str, dict[str, str]]
    default_minors: list[str] = []

    @property
    def signed(self) -> int:
        """How many different people signed."""
        return len({signature.name for signature in self.signatures})

    @property
    def reviewed(self) -> bool:
        """Whether two clinicians signed; without that the table is called unreviewed."""
        return self.signed >= SIGNATURES_NEEDED

    def expired(self, today: dt.date) -> list[str]:
        """Return the ids of the lines that are no longer offered, in the table's order."""
        return [line.id for line in self.lines if line.expiry is not None and line.expiry <= today]

    def recommended(self, subject: str, severity: str) -> list[str]:
        """Return the actions for a finding; none for severity none."""
        return self.actions.get(subject, {}).get(severity, [])

    def reply(
        self,
        subject: str,
        severity: str,
        language: str,
        locale: str | None = None,
        today: dt.date | None = None,
    ) -> str:
        """Return the reply for high, imminent or unscored risk.

        Args:
            subject: Whose risk it is.
            severity: How grave it is.
            language: Its reply is taken if one stands here, else the English one.
            locale: The reader's country ("IE") or language tag ("en-IE"), for the lines; None or a
                country without lines gets the defaults.
            today: Lines that have expired by this day are left out; None offers all.
        """
        if severity == Severity.UNSCORED:
            return self._filled("unscored", language, locale, today)
        whose = Subject.OTHER if subject == Subject.OTHER else Subject.SELF
        grave = Severity.IMMINENT if severity == Severity.IMMINENT else Severity.HIGH
        return self._filled(f"{whose}_{grave}", language, locale, today)

    def blocked(
        self, language: str, locale: str | None = None, today: dt.date | None = None
    ) -> str:
        """Return the reply that takes the place of a blocked one; arguments as for `reply`."""
        return self._filled("blocked", language, locale, today)

    def offered(self, kind: str, locale: str | None, today: dt.date | None = None) -> list[Line]:
        """Return the lines of one kind for a country, else the defaults; none that has expired."""
        gone = set() if today is None else set(self.expired(today))
        current = [line for line in self.lines if line.id not in gone and line.kind == kind]
        place = _country(locale)
        return [line for line in current if line.locale == place] or [
            line for line in self.lines if line.id in self._defaults(kind) and line.id not in gone
        ]

    def allowed_numbers(self) -> frozenset[str]:
        """Return the digits of every line's numbers; redaction leaves them alone."""
        return frozenset(
            _NOT_DIGIT.sub("", number) for line in self.lines for number in line.numbers
        )

    def allowed_hosts(self) -> frozenset[str]:
        """Return the hosts of every line's page, without `www.`."""
        urls = (line.url for line in self.lines if line.url)
        return frozenset(host(url) for url in urls)

    def checked(self, spans: Sequence[PiiSpan], reply: View) -> list[PiiSpan]:
        """Add to a reply's personal data the numbers it tells people to use that are no line's.

        A generated number may be anybody's; toll-free and short ones ("text 741742") are nobody's
        personal data, so that only this keeps them out.

        Args:
            spans: What was found in the reply, in its order.
            reply: Its plain view.
        """
        offered = told(reply.text)
        allowed = self.allowed_numbers() if offered else frozenset[str]()
        wrong = [
            PiiSpan(PiiType.PHONE, *reply.original(start, end), 1.0)
            for start, end in offered
            if _NOT_DIGIT.sub("", reply.text[start:end]) not in allowed
        ]
        free = [
            span
            for span in wrong
            if all(span.end <= other.start or other.end <= span.start for other in spans)
        ]
        return sorted([*spans, *free], key=lambda span: span.start)

    def _defaults(self, kind: str) -> list[str]:
        return {
            "crisis": self.default_lines,
            "minor": self.default_minors,
            "emergency": self.default_emergency,
        }[kind]

    def _filled(self, name: str, language: str, locale: str | None, today: dt.date | None) -> str:
        texts = self.replies[_ENGLISH] | self.replies.get(language, {})
        lines = self.offered("crisis", locale, today)
        minors = self.offered("minor", locale, today)
        emergency = self.offered("emergency", locale, today)
        several = len({line.locale for line in emergency}) > 1
        fill = {
            "lines": _listed(lines) or texts["no_lines"],
            "emergency": ", ".join(
                f"{line.say} ({line.locale})" if several else line.say for line in emergency
            )
            or texts["no_emergency"],
            "minors": texts["minors"].replace("{lines}", _listed(minors)) if minors else "",
        }
        return _PLACE.sub(lambda place: fill[place[1]], texts[name])


def told(reply: str) -> list[tuple[int, int]]:
    """Return where the numbers stand that a reply tells people to use."""
    return [match.span("number") for match in _OFFERED.finditer(reply)]


def _listed(lines: Sequence[Line]) -> str:
    several = len({line.locale for line in lines}) > 1
    return ", ".join(
        f"{line.name} ({line.locale}): {line.say}" if several else f"{line.name}: {line.say}"
        for line in lines
    )


def _country(locale: str | None) -> str | None:
    """Return the country of "IE", "en-IE" or "en_ie"; None where none is told."""
    if locale is None:
        return None
    place = re.split(r"[-_]", locale)[-1].upper()
    return _COUNTRIES.get(place, place)


def host(url: str) -> str:
    """Return the host of a URL or bare domain, lower case and without `www.`."""
    return re.sub(r"^(?:\w+://)?(?:www\.)?", "", url.lower()).split("/")[0]


def load(path: Path) -> Protocol:
    """Read the table from YAML.

    Raises:
        FilterError: The file is missing or wrong, or the table contradicts itself.
    """
    try:
        table = msgspec.convert(YAML(typ="safe", pure=True).load(path), Protocol)
    except FileNotFoundError:
        raise FilterError(f"{path}: no such protocol table. Restore it from git.") from None
    except (YAMLError, msgspec.ValidationError) as error:
        raise FilterError(f"{path}: {error}. Mend the table.") from None
    for fault in _faults(table):
        raise FilterError(f"{path}: {fault}")
    return table


def _faults(table: Protocol) -> Iterator[str]:
    """Yield what is wrong with a table whose fields are right, as a sentence with what to do."""
    yield from _faulty_lines(table)
    for subject, by_severity in sorted(table.actions.items()):
        for word in sorted({subject} - set(Subject)) + sorted(set(by_severity) - set(Severity)):
            yield f"actions name {word}, which is no subject or severity. Mend the word."
    for name in sorted(_NEEDED - set(table.replies.get(_ENGLISH, {}))):
        yield f"replies.en has no {name}. Add it."
    texts = [
        (f"{language}.{name}", text)
        for language, replies in sorted(table.replies.items())
        for name, text in sorted(replies.items())
    ]
    for name, text in texts:
        if wrong := sorted(set(_PLACE.findall(text)) - _PLACES):
            yield f"replies.{name} asks for {{{wrong[0]}}}. Use lines, emergency or minors."


def _faulty_lines(table: Protocol) -> Iterator[str]:
    known = [line.id for line in table.lines]
    for key in sorted(key for key, times in Counter(known).items() if times > 1):
        yield f"line {key} stands twice. Rename one of the two."
    for key in [*table.default_lines, *table.default_minors, *table.default_emergency]:
        if key not in known:
            yield f"default line {key} stands in no entry of `lines`. Add it."
    for line in table.lines:
        if line.expiry and line.date_checked and line.expiry <= line.date_checked:
            yield f"line {line.id} expires before it was checked. Mend its dates."
