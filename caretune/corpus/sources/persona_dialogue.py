"""A client profile and a counsellor in conversation, from our own lines (personas.yaml).

Five exchanges: why they come, how much they drink, what is around it, how they see it, what comes of
it. How the client sees it follows the profile's stage of change, how the counsellor replies follows
the counsellor. A client whose mood is very low is asked about suicide, and says no.
"""

from collections.abc import Mapping
from typing import Any

from caretune.corpus.sources import wording
from caretune.corpus.sources.profile import Profile
from caretune.corpus.sources.raw import RawMessage
from caretune.lineage import digest

_SLOTS = ("opening", "pattern", "surroundings", "stance", "close")
_NUMBERS = "no one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905


def counsellors() -> list[str]:
    """Return the names of the counsellors whom every client meets."""
    return list(wording.table("personas")["counsellors"])


def write(profile: Profile, counsellor: str) -> list[RawMessage]:
    """Return the dialogue of a profile with a counsellor: ten turns, the client first."""
    table = wording.table("personas")
    said = _facts(profile, counsellor, table["facts"])
    turns = []
    asked = ""
    for slot in _SLOTS:
        lines = table["client"][slot]
        line = _chosen(
            lines[profile.stage] if isinstance(lines, dict) else lines, slot, profile, counsellor
        )
        turns.append(
            RawMessage("user", _answer(asked, profile, counsellor) + line.format_map(said))
        )
        replies = table["counsellors"][counsellor][slot]
        own = replies.get(profile.stage) or replies["any"]
        reply = _chosen(own, f"{slot} reply", profile, counsellor).format_map(said)
        asked = _safety_question(slot, profile, counsellor)
        turns.append(RawMessage("assistant", f"{reply} {asked}".strip(), replies["strategy"]))
    return turns


def _safety_question(slot: str, profile: Profile, counsellor: str) -> str:
    if slot != "surroundings" or profile.mood != "severe":
        return ""
    return _chosen(wording.table("personas")["low"], "low", profile, counsellor)


def _answer(asked: str, profile: Profile, counsellor: str) -> str:
    return (
        _chosen(wording.table("personas")["client"]["safe"], "safe", profile, counsellor)
        if asked
        else ""
    )


def _chosen(lines: list[str], slot: str, profile: Profile, counsellor: str) -> str:
    """Return a line; the counsellors of one client get different ones where there are enough."""
    start = int(digest.sha256_value([profile.id, profile.stage, slot])[:8], 16)
    return lines[(start + counsellors().index(counsellor)) % len(lines)]


def _facts(profile: Profile, counsellor: str, ways: Mapping[str, Any]) -> dict[str, str]:
    """Return what the braces of a line stand for; a name with a capital begins a sentence."""
    taken = [
        substance
        for substance, used in (
            ("cigarettes every day", profile.smoker),
            ("weed", profile.cannabis),
            ("cocaine", profile.cocaine),
        )
        if used
    ]
    kinds = {
        "job": profile.job,
        "home": profile.home,
        "help": profile.help,
        "relatives": "some" if profile.relatives else "none",
        "mood": profile.mood,
        "also": "something" if taken else "nothing",
    }
    said = {
        fact: _chosen(ways[fact][kind], fact, profile, counsellor).format(
            relatives=_listed([f"my {kin}" for kin in profile.relatives]), taken=_listed(taken)
        )
        for fact, kind in kinds.items()
    }
    low, high = profile.days
    said["days"] = _word(low) if low == high else f"{_word(low)} or {_word(high)}"
    said["drinks"] = _word(profile.drinks)
    said |= {"age": str(profile.age), "onset": str(profile.onset)}
    capital = {
        fact[:1].upper() + fact[1:]: words[:1].upper() + words[1:] for fact, words in said.items()
    }
    relatives = said["relatives"]
    low_start = (
        relatives
        if relatives.startswith("I") and relatives[1:2] in " '"
        else relatives[:1].lower() + relatives[1:]
    )
    return {**said, **capital, "relatives_low": low_start}


def _word(number: int) -> str:
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)


def _listed(things: list[str]) -> str:
    return " and ".join([", ".join(things[:-1]), things[-1]] if len(things) > 1 else things)
