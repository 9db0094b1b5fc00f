"""The protocol table: replies, crisis lines and recommended actions, data that clinicians sign.

The lines are also the allow-list of redaction: a number a person may need is never hidden.
"""

import re
from pathlib import Path

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from caretune.errors import FilterError
from caretune.safety.taxonomy import Severity, Subject

SIGNATURES_NEEDED = 2
"""Different clinicians that must sign before the table is called reviewed."""
_NOT_DIGIT = re.compile(r"\D")


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A crisis line or emergency number; null dates and reviewer mean nobody has checked it."""

    id: str
    kind: str
    locale: str
    name: str
    say: str
    numbers: list[str]
    url: str | None
    hours: str
    date_checked: str | None
    expiry: str | None
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

    @property
    def signed(self) -> int:
        """How many different people signed."""
        return len({signature.name for signature in self.signatures})

    @property
    def reviewed(self) -> bool:
        """Whether two clinicians signed; without that the table is called unreviewed."""
        return self.signed >= SIGNATURES_NEEDED

    def recommended(self, subject: str, severity: str) -> list[str]:
        """Return the actions for a finding; none for severity none."""
        return self.actions.get(subject, {}).get(severity, [])

    def reply(self, subject: str, severity: str, language: str) -> str:
        """Return the reply for high, imminent or unscored risk, in the language if it stands here."""
        if severity == Severity.UNSCORED:
            return self._filled("unscored", language)
        whose = Subject.OTHER if subject == Subject.OTHER else Subject.SELF
        grave = Severity.IMMINENT if severity == Severity.IMMINENT else Severity.HIGH
        return self._filled(f"{whose}_{grave}", language)

    def blocked(self, language: str) -> str:
        """Return the reply that takes the place of a blocked one."""
        return self._filled("blocked", language)

    def allowed_numbers(self) -> frozenset[str]:
        """Return the digits of every line's numbers; redaction leaves them alone."""
        return frozenset(
            _NOT_DIGIT.sub("", number) for line in self.lines for number in line.numbers
        )

    def allowed_hosts(self) -> frozenset[str]:
        """Return the hosts of every line's page, without `www.`."""
        urls = (line.url for line in self.lines if line.url)
        return frozenset(host(url) for url in urls)

    def _filled(self, name: str, language: str) -> str:
        texts = self.replies.get(language, {})
        text = texts.get(name) or self.replies["en"][name]
        by_id = {line.id: line for line in self.lines}
        lines = ", ".join(
            f"{by_id[key].name} ({by_id[key].locale}): {by_id[key].say}"
            for key in self.default_lines
        )
        emergency = ", ".join(
            f"{by_id[key].say} ({by_id[key].locale})" for key in self.default_emergency
        )
        return text.replace("{lines}", lines).replace("{emergency}", emergency)


def host(url: str) -> str:
    """Return the host of a URL or bare domain, lower case and without `www.`."""
    return re.sub(r"^(?:\w+://)?(?:www\.)?", "", url.lower()).split("/")[0]


def load(path: Path) -> Protocol:
    """Read the table from YAML.

    Raises:
        FilterError: The file is missing or wrong, or names a line that does not stand in it.
    """
    try:
        table = msgspec.convert(YAML(typ="safe", pure=True).load(path), Protocol)
    except FileNotFoundError:
        raise FilterError(f"{path}: no such protocol table. Restore it from git.") from None
    except (YAMLError, msgspec.ValidationError) as error:
        raise FilterError(f"{path}: {error}. Mend the table.") from None
    known = {line.id for line in table.lines}
    for key in [*table.default_lines, *table.default_emergency]:
        if key not in known:
            raise FilterError(f"{path}: default line {key} stands in no entry of `lines`. Add it.")
    return table
