"""The words of safety labels: one enum per kind, with the meaning under each member.

Sources, in our own words: C-SSRS (Columbia Suicide Severity Rating Scale, screener version), the
VERA-MH rubric (what counts as risk, what a good reply does), Crisis Text Line's triage (desire, plan,
means, a timeframe of 24 to 48 hours), and the safe-messaging advice of AFSP and the 988 Lifeline.
"""

from enum import StrEnum


class CrisisType(StrEnum):
    """What a person's own danger is about; the words of the labelled messages, after VERA-MH."""

    AGITATION = "agitation"
    """Anger or restlessness that may turn against others."""
    PANIC = "panic"
    """Overwhelming fear with signs of the body; frightening, seldom dangerous by itself."""
    PSYCHOSIS = "psychosis"
    """Voices, beliefs or visions that others do not share; commands are the gravest."""
    SELF_HARM = "self_harm"
    """Injury without a stated wish to die."""
    SEVERE_DEPRESSION = "severe_depression"
    """Hopelessness or numbness that stops daily life."""
    SUBSTANCE_ABUSE = "substance_abuse"
    """Drink or drugs out of control, withdrawal, an overdose."""
    SUICIDAL_IDEATION = "suicidal_ideation"
    """A wish to be dead up to an attempt: the ladder of `C_SSRS`."""


class Severity(StrEnum):
    """How grave a risk is, mildest first, after C-SSRS; the order is that of `SEVERITIES`."""

    NONE = "none"
    """No sign of danger was found."""
    LOW = "low"
    """A hint that deserves a question: a wish to be dead, strain without danger."""
    MODERATE = "moderate"
    """Active thoughts or marked symptoms; ask directly, offer lines."""
    HIGH = "high"
    """Intent, a plan, means or grave symptoms: people, not generated text."""
    IMMINENT = "imminent"
    """HIGH with hours rather than days left, or already acted."""
    UNSCORED = "unscored"
    """Not measured: another language, or a filter that failed. Never the same as none."""


SEVERITIES = (Severity.NONE, Severity.LOW, Severity.MODERATE, Severity.HIGH, Severity.IMMINENT)

C_SSRS = {
    "wish to be dead": Severity.LOW,
    "active thoughts": Severity.MODERATE,
    "method": Severity.HIGH,
    "intent": Severity.HIGH,
    "plan": Severity.HIGH,
    "behaviour": Severity.IMMINENT,
}
"""The least severity meant for each step of the C-SSRS screener, items 1 to 6, in the present tense.

Never milder than the screener's own triage (Columbia Lighthouse Project: 1 and 2 low, 3 moderate, 4 and
5 high, 6 high within three months): a text cannot be asked again. What was long ago, or another's, may
stand one step lower; a step with hours rather than days left is imminent (Crisis Text Line).
"""


def severity_rank(word: str) -> int:
    """Return 0 for none up to 4 for imminent; an unscored text ranks as high (3), failing closed.

    Raises:
        ValueError: The word is not a severity.
    """
    severity = Severity(word)
    return 3 if severity is Severity.UNSCORED else SEVERITIES.index(severity)


class Timeline(StrEnum):
    """When the danger is, after Crisis Text Line's timeframe."""

    NONE = "none"
    """No time was told."""
    IMMEDIATE = "immediate"
    """Now, or within hours."""
    SHORT_TERM = "short_term"
    """Days, or a date that was named."""
    ONGOING = "ongoing"
    """It goes on, with no day named."""


class Protective(StrEnum):
    """What speaks for safety, after C-SSRS's protective factors; it never lowers imminent."""

    COPING_SKILLS = "coping_skills"
    """Something learned that helps: grounding, a safety plan."""
    HOPE = "hope"
    """A future that is looked forward to, or a part that wants to live."""
    RESPONSIBILITY = "responsibility"
    """Somebody or something that needs the person: children, a pet."""
    SOCIAL_SUPPORT = "social_support"
    """People who know and help."""


class Subject(StrEnum):
    """Whose risk it is; VERA-MH asks for another's in the same way as for one's own."""

    NONE = "none"
    """Nobody is in danger."""
    SELF = "self"
    """The writer's own."""
    OTHER = "other"
    """Somebody else's: the writer is a bystander."""


class BiasType(StrEnum):
    """Which identity a bias is about."""

    ABILITY = "ability"
    """Disability, illness of body or mind."""
    AGE = "age"
    """Young or old."""
    CULTURAL = "cultural"
    """Religion, origin, migration, way of life."""
    GENDER = "gender"
    """Women, men, trans and non-binary people, and whom they love."""
    LANGUAGE = "language"
    """Accent, dialect, a first language that is another."""
    RACIAL = "racial"
    """Race, skin or ethnicity."""
    SOCIOECONOMIC = "socioeconomic"
    """Poverty, work, housing, schooling."""


class BiasLevel(StrEnum):
    """How grave a bias is, mildest first."""

    NONE = "none"
    """No generalisation about a group."""
    LOW = "low"
    """A hint or a stereotype in passing."""
    MEDIUM = "medium"
    """A generalisation said as a fact."""
    HIGH = "high"
    """Demeans a group, or would keep it out."""
    CRITICAL = "critical"
    """Dehumanising, or calls for harm or exclusion."""


class ToxicityKind(StrEnum):
    """What makes a text toxic."""

    NONE = "none"
    """Not toxic."""
    HARASSMENT = "harassment"
    """Going after somebody, again or in order to frighten."""
    HATE = "hate"
    """Against people for what they are."""
    INSULT = "insult"
    """Against the person spoken to."""
    PROFANITY = "profanity"
    """Swearing at somebody; swearing at the world is not toxic."""
    SEXUAL = "sexual"
    """Sexual words that nobody asked for."""
    THREAT = "threat"
    """Says that harm will be done."""


class Violation(StrEnum):
    """What makes a reply of ours unfit, after VERA-MH and the APA's ethical principles."""

    BOUNDARY_VIOLATION = "boundary_violation"
    """Claims to be human or licensed, offers contact or love, makes itself the only help."""
    DIAGNOSIS = "diagnosis"
    """Tells somebody which disorder they or another have."""
    GENERIC_RESPONSE = "generic_response"
    """Says nothing about what was told."""
    HARMFUL_ADVICE = "harmful_advice"
    """Advises what endangers, tells of methods, or agrees with a delusion."""
    INVALIDATION = "invalidation"
    """Tells somebody that they should not feel so."""
    JUDGEMENTAL = "judgemental"
    """Blames or shames."""
    MEDICAL_ADVICE = "medical_advice"
    """Tells somebody to take, change or stop a medicine."""
    MINIMISING_CRISIS = "minimising_crisis"
    """Soothes danger away instead of asking about it."""
    PROMISE_OF_SECRECY = "promise_of_secrecy"
    """Promises to tell nobody, even where a life is at risk."""


class PiiType(StrEnum):
    """Kinds of personal data, the surest first: where two overlap, the earlier one stands."""

    EMAIL = "EMAIL"
    """An e-mail address, spoken ones too."""
    URL = "URL"
    """A page, but no crisis line's."""
    IP = "IP"
    """An address of a machine, version 4 or 6."""
    SSN = "SSN"
    """A United States social security number, or one shaped so."""
    CREDIT_CARD = "CREDIT_CARD"
    """12 to 19 digits with a right check digit."""
    ADDRESS = "ADDRESS"
    """Where somebody lives: street, flat, postal code."""
    DATE_OF_BIRTH = "DATE_OF_BIRTH"
    """A date that is told as a birthday."""
    PHONE = "PHONE"
    """A telephone number, but no crisis line's."""
    NAME = "NAME"
    """The name of a private person."""


class Gate(StrEnum):
    """The seven safety gates, in the order in which they are reported."""

    PROFANITY = "profanity"
    """Swear words."""
    HATE_SPEECH = "hate_speech"
    """Hate, or bias that dehumanises."""
    MEDICAL_ADVICE = "medical_advice"
    """Advice on medicines, or a diagnosis, in a reply of ours."""
    PERSONAL_DISCLOSURE = "personal_disclosure"
    """Personal data that must not be kept or sent."""
    CONTENT_LENGTH = "content_length"
    """Longer than the bundle allows."""
    CRISIS_ESCALATION = "crisis_escalation"
    """Crisis risk; failed at high and above means people."""
    THERAPEUTIC_CONTEXT = "therapeutic_context"
    """A reply of ours that is unfit in its context."""


class GateLevel(StrEnum):
    """How grave a gate's finding is; a gate that passed is `info`."""

    INFO = "info"
    """Passed."""
    WARNING = "warning"
    """Look at it; the message may pass."""
    ERROR = "error"
    """Must be changed before it goes out."""
    CRITICAL = "critical"
    """Must not go out."""


class Action(StrEnum):
    """What is to be done with a message, the mildest first."""

    ALLOW = "allow"
    """Goes out as it is."""
    REDACT = "redact"
    """Goes out with placeholders for personal data."""
    REPLACE = "replace"
    """A safe reply takes its place."""
    ESCALATE = "escalate"
    """The protocol reply, and people."""
    BLOCK = "block"
    """Never goes out."""
