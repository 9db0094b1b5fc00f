"""The sources, the way of the rows through the data stages, and the proof that nothing leaked."""

from collections.abc import Mapping
from typing import Any

from caretune.reports import figures, intervals, style, tables
from caretune.reports.style import Fragment
from caretune.reports.tables import Step

Figures = Mapping[str, Any]
"""The content of a file below reports/data, as its stage wrote it."""

_EXITS = {
    "bad_cue": "a cue of a transcript that cannot be read",
    "bad_field": "a field that is missing or of another kind",
    "bad_json": "a line that is no JSON",
    "control_character": "NUL or another control character",
    "duplicate": "the very words of another row, of whichever source",
    "empty": "no text, or no reply to anybody",
    "expert_family": "its family gave a reply to the expert set",
    "generic_reply": "a reply that would answer anybody",
    "incoherent_answer": "the reply shares no matter with the question",
    "near_parent": "a child that says next to nothing new",
    "no_child": "a train row without children; it stays in train",
    "no_criteria": "a heading without criteria",
    "no_definition": "a term that nobody defines",
    "not_sampled": "more than this run needs; the lowest hashes stay",
    "not_therapeutic": "no talk of feelings, problems or counselling",
    "other_language": "not English",
    "over_cap": "above the cap of its source",
    "persona_inconsistent": "the persona contradicts itself in the dialogue",
    "redaction_loss": "redaction would have changed what is said of a crisis",
    "repetitive": "the same words again and again",
    "role_order": "two turns of one role, or a system message later on",
    "severity_lost": "a child that would be milder than its parent",
    "suppressed": "to be forgotten",
    "template_reply": "a reply that nobody wrote",
    "too_long": "more characters than params allow",
    "too_short": "fewer words than params ask for",
    "twin_lost": "the other half of its counterfactual pair left",
    "unknown_role": "a role that is neither user, assistant nor system",
    "unknown_speaker": "a speaker without a role",
    "poor_transcript": "a transcript with too much that was not heard",
    "unnatural": "markup, signs or broken characters instead of prose",
    "unsafe_reply": "the filters found its reply unfit to learn from",
}
"""What an exit means, in a line; one that is not here stands without."""
_FIELDS = {
    "domain": "as the source or its topics say",
    "difficulty": "as the authors gave it",
    "severity": "of the crisis in it, as the authors gave it",
    "license": "what every row carries along",
}
_SHOWN = 12  # of 32 hex digits


def sources(ingest: Figures) -> Fragment:
    """Draw for each source the rows that were read, those kept and those that left, by name."""
    found = ingest["sources"]
    whole = {name: sum(one[name] for one in found.values()) for name in _READ_WRITTEN}
    steps = []
    for source, one in found.items():
        before, after = (_share(one[name], whole[name]) for name in _READ_WRITTEN)
        note = f"{one['license']}; {before} of all rows before, {after} after"
        steps.append(
            Step(style.words(source), note, one["rows_read"], one["rows_written"], one["exits"])
        )
    return tables.flow(steps, ("read", "kept"))


def exits(*stages: Figures) -> Fragment:
    """Tabulate every exit that a row took, with its meaning; the largest first."""
    taken: dict[str, int] = {}
    for figures_of_stage in stages:
        for name, number in figures_of_stage["ledger"]["exits"].items():
            taken[name] = taken.get(name, 0) + number
    rows = [
        [style.words(name), _EXITS.get(name), style.count(taken[name])]
        for name in sorted(taken, key=lambda name: (-taken[name], name))
    ]
    return tables.table(["exit", "what it means", "rows"], rows, figures_from=2)


def holdings(ingest: Figures) -> Fragment:
    """Draw what the corpus holds by its fields, and the personal data that was taken out of it."""
    drawn = [
        style.draw(
            "figure",
            title=f"By {'licence' if name == 'license' else name}",
            subtitle=meaning,
            drawing=tables.bars(ingest["rows"][name]),
        )
        for name, meaning in _FIELDS.items()
    ]
    pii = ingest["pii"]
    drawn.append(
        style.draw(
            "figure",
            title="Personal data taken out",
            subtitle=(
                "redaction is switched off in params"
                if pii is None
                else "spans replaced by a placeholder at the door"
            ),
            drawing=tables.bars(pii or {}),
        )
    )
    return figures.side_by_side(*drawn)


def way_of_rows(
    ingest: Figures, split: Figures, augment: Figures, safety_label: Figures
) -> Fragment:
    """Draw rows through the four stages; what leaves is named by its exit."""
    train, children = augment["train"], augment["children"]
    experts = split["expert"]["found"]["examples"]
    return tables.flow(
        [
            _step("ingest", "lines of all sources", ingest),
            _step("split", f"by families; {experts} go to the expert set", split),
            Step("augment", "train rows and their children", train, train + children, {}),
            _step("safety-label", "all splits and the children", safety_label),
        ]
    )


def leak(proof: Figures) -> Fragment:
    """Draw the closest pair of rows across splits against the threshold of near-duplicates."""
    shared, worst = proof["families_shared"], proof["worst"]["similarity"]
    holds = not shared and worst < proof["threshold"]
    return style.draw(
        "row",
        tone="pass" if holds else "fail",
        signed=True,
        name="Closest pair across splits",
        note=proof["method"],
        drawing=intervals.strip(
            worst, None, None, proof["threshold"], better="lower", ends=(0.0, 1.0)
        ),
        word="No leak found" if holds else "Leak",
        facts=[
            f"closest pair: {style.quantity(worst)}",
            *(
                Fragment(f"{style.markup(split)}: <code>{style.markup(row[:_SHOWN])}</code>")
                for split, row in zip(proof["worst"]["splits"], proof["worst"]["rows"], strict=True)
            ),
            f"families in more than one split: {style.count(shared)}",
            f"a pair at the threshold is found with probability {style.rate(proof['found_rate'])}",
        ],
    )


_READ_WRITTEN = ("rows_read", "rows_written")


def _share(part: int, whole: int) -> str:
    return style.rate(part / whole if whole else None)


def _step(stage: str, note: str, figures_of_stage: Figures) -> Step:
    ledger = figures_of_stage["ledger"]
    return Step(stage, note, ledger["rows_read"], ledger["rows_written"], ledger["exits"])
