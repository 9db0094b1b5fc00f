"""A client profile out of a persona table: the facts that a dialogue may state and must not break."""

import re
from collections.abc import Mapping
from typing import NamedTuple

COLUMNS = (
    "patient_id",
    "name",
    "age_onset",
    "drinking_pattern",
    "family_history_of_alcohol_dependence",
    "comorbid_psychiatric_disorders",
    "comorbid_substance_use",
    "psychosocial_indicators",
    "help_seeking_behavior",
    "state_of_change",
    "persona_description",
)
"""The columns of a persona table that are read."""

STAGES = ("Precontemplation", "Contemplation", "Action")

_KIN = (
    "father mother brother sister uncle aunt grandfather grandmother cousin son daughter".split()  # noqa: SIM905
)
_MOODS = {"none": "none", "mild": "mild", "moderate": "moderate"}


class Profile(NamedTuple):
    """One client; every word is one of those that personas.yaml knows.

    `relatives` drank; `days` are drinking days a week, lowest and highest; `drinks` are drinks on such
    a day; `sex` is None where the description uses both or no pronouns.
    """

    id: str
    name: str
    age: int
    onset: int
    days: tuple[int, int]
    drinks: int
    job: str
    home: str
    help: str
    stage: str
    mood: str
    smoker: bool
    cannabis: bool
    cocaine: bool
    relatives: tuple[str, ...]
    sex: str | None
    described_ages: tuple[int, ...]


def parse(row: Mapping[str, str]) -> Profile | str:
    """Return the profile of a row, or the column that cannot be understood."""
    numbers = {
        "age_onset": re.search(r"age\D{0,5}(\d+).*?\D(\d+)\s*$", row["age_onset"], re.IGNORECASE),
        "drinking_pattern": re.search(
            r"(\d)(?:\s*-\s*(\d))? days?/week.*?(\d+) drinks?/occasion", row["drinking_pattern"]
        ),
    }
    words = {
        "psychosocial_indicators": _home(row["psychosocial_indicators"]),
        "help_seeking_behavior": _help(row["help_seeking_behavior"]),
        "state_of_change": row["state_of_change"] if row["state_of_change"] in STAGES else None,
    }
    missing = [column for column, found in {**numbers, **words}.items() if not found]
    if missing or not row["patient_id"].strip():
        return missing[0] if missing else "patient_id"
    aged, drunk = numbers["age_onset"], numbers["drinking_pattern"]
    assert aged is not None
    assert drunk is not None
    uses = row["comorbid_substance_use"].casefold()
    description = row["persona_description"]
    return Profile(
        id=row["patient_id"].strip(),
        name=row["name"].strip(),
        age=int(aged[1]),
        onset=int(aged[2]),
        days=(int(drunk[1]), int(drunk[2] or drunk[1])),
        drinks=int(drunk[3]),
        job=_job(row["psychosocial_indicators"]),
        home=words["psychosocial_indicators"] or "",
        help=words["help_seeking_behavior"] or "",
        stage=row["state_of_change"],
        mood=_mood(row["comorbid_psychiatric_disorders"]),
        smoker=bool(re.search(r"smoker: *yes", uses)),
        cannabis=_used("cannabis", uses),
        cocaine=_used("cocaine", uses),
        relatives=_relatives(row["family_history_of_alcohol_dependence"]),
        sex=_sex(description),
        described_ages=tuple(int(n) for n in re.findall(r"\b(\d+)(?:-| )year", description)),
    )


def _home(text: str) -> str | None:
    kinds = {
        "never married": "single",
        "single": "single",
        "divorced": "divorced",
        "married": "married",
    }
    return next((kind for words, kind in kinds.items() if words in text.casefold()), None)


def _job(text: str) -> str:
    kinds = {
        "student": "student",
        "manager": "manager",
        "sales": "sales",
        "disability": "disability",
    }
    return next((kind for word, kind in kinds.items() if word in text.casefold()), "unemployed")


def _help(text: str) -> str | None:
    kinds = {
        "considered": "considered",
        "never": "never",
        "rehab": "rehab",
        "detox": "detox",
        "meetings": "meetings",
    }
    return next((kind for word, kind in kinds.items() if word in text.casefold()), None)


def _mood(text: str) -> str:
    found = re.search(r"depression: *([\w-]+)", text, re.IGNORECASE)
    return _MOODS.get(found[1].casefold(), "severe") if found else "none"


def _used(substance: str, text: str) -> bool:
    found = re.search(rf"{substance}[\w ]*[,:] *(\w+)", text)
    return found is not None and found[1] != "none"


def _relatives(text: str) -> tuple[str, ...]:
    if text.casefold().startswith("no "):
        return ()
    if "both parents" in text.casefold():
        return ("father", "mother")
    return tuple(kin for kin in _KIN if re.search(rf"\b{kin}\b", text.casefold()))


def _sex(text: str) -> str | None:
    male = len(re.findall(r"\b(?:he|his|him)\b", text, re.IGNORECASE))
    female = len(re.findall(r"\b(?:she|her|hers)\b", text, re.IGNORECASE))
    return None if male == female else "male" if male > female else "female"
