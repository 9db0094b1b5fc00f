"""The words of safety labels: one enum per kind, with the meaning under each member."""

from enum import StrEnum


class CrisisType(StrEnum):
    """What a person's own danger is about."""

    AGITATION = "agitation"
    """Anger or restlessness that may turn against others."""
    PANIC = "panic"
    PSYCHOSIS = "psychosis"
    SELF_HARM = "self_harm"
    """Injury without a stated wish to die."""
    SEVERE_DEPRESSION = "severe_depression"
    SUBSTANCE_ABUSE = "substance_abuse"
    SUICIDAL_IDEATION = "suicidal_ideation"


class Severity(StrEnum):
    """How grave a risk is, mildest first; the order is that of `SEVERITIES`."""

    NONE = "none"
    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"
    """Intent, a plan, means or grave symptoms: people, not generated text."""
    IMMINENT = "imminent"
    """HIGH with hours rather than days left, or already acted."""
    UNSCORED = "unscored"
    """Not measured: another language, or a filter that failed. Never the same as none."""


SEVERITIES = (Severity.NONE, Severity.LOW, Severity.MODERATE, Severity.HIGH, Severity.IMMINENT)


def severity_rank(word: str) -> int:
    """Return 0 for none up to 4 for imminent; an unscored text ranks as high (3), failing closed.

    Raises:
        ValueError: The word is not a severity.
    """
    severity = Severity(word)
    return 3 if severity is Severity.UNSCORED else SEVERITIES.index(severity)


class Timeline(StrEnum):
    """When the danger is."""

    NONE = "none"
    IMMEDIATE = "immediate"
    """Now, or within hours."""
    SHORT_TERM = "short_term"
    """Days, or a date that was named."""
    ONGOING = "ongoing"


class Protective(StrEnum):
    """What speaks for safety; it never lowers an imminent severity."""

    COPING_SKILLS = "coping_skills"
    HOPE = "hope"
    RESPONSIBILITY = "responsibility"
    SOCIAL_SUPPORT = "social_support"


class Subject(StrEnum):
    """Whose risk it is."""

    NONE = "none"
    SELF = "self"
    OTHER = "other"


class BiasType(StrEnum):
    """Which identity a bias is about."""

    ABILITY = "ability"
    AGE = "age"
    CULTURAL = "cultural"
    GENDER = "gender"
    LANGUAGE = "language"
    RACIAL = "racial"
    SOCIOECONOMIC = "socioeconomic"


class BiasLevel(StrEnum):
    """How grave a bias is, mildest first."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"
    """Dehumanising, or calls for harm or exclusion."""


class ToxicityKind(StrEnum):
    """What makes a text toxic."""

    NONE = "none"
    HARASSMENT = "harassment"
    HATE = "hate"
    INSULT = "insult"
    PROFANITY = "profanity"
    SEXUAL = "sexual"
    THREAT = "threat"


class Violation(StrEnum):
    """What makes a reply of ours unfit."""

    BOUNDARY_VIOLATION = "boundary_violation"
    DIAGNOSIS = "diagnosis"
    GENERIC_RESPONSE = "generic_response"
    HARMFUL_ADVICE = "harmful_advice"
    INVALIDATION = "invalidation"
    JUDGEMENTAL = "judgemental"
    MEDICAL_ADVICE = "medical_advice"
    MINIMISING_CRISIS = "minimising_crisis"
    PROMISE_OF_SECRECY = "promise_of_secrecy"


class PiiType(StrEnum):
    """Kinds of personal data, the surest first: where two overlap, the earlier one stands."""

    EMAIL = "EMAIL"
    URL = "URL"
    IP = "IP"
    SSN = "SSN"
    CREDIT_CARD = "CREDIT_CARD"
    ADDRESS = "ADDRESS"
    DATE_OF_BIRTH = "DATE_OF_BIRTH"
    PHONE = "PHONE"
    NAME = "NAME"


class Gate(StrEnum):
    """The seven safety gates, in the order in which they are reported."""

    PROFANITY = "profanity"
    HATE_SPEECH = "hate_speech"
    MEDICAL_ADVICE = "medical_advice"
    PERSONAL_DISCLOSURE = "personal_disclosure"
    CONTENT_LENGTH = "content_length"
    CRISIS_ESCALATION = "crisis_escalation"
    THERAPEUTIC_CONTEXT = "therapeutic_context"


class GateLevel(StrEnum):
    """How grave a gate's finding is; a gate that passed is `info`."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class Action(StrEnum):
    """What is to be done with a message, the mildest first."""

    ALLOW = "allow"
    REDACT = "redact"
    """Goes out with placeholders for personal data."""
    REPLACE = "replace"
    """A safe reply takes its place."""
    ESCALATE = "escalate"
    """The protocol reply, and people."""
    BLOCK = "block"
    """Never goes out."""
