"""Who chooses the experts of the MoE-LoRA, how often rightly, and what one expert a request costs."""

from caretune.evaluation.result import ACCURACY_GOAL, ALL, Result, Routing
from caretune.reports import results, style, tables
from caretune.reports.style import Fragment

_WORDS = {"pass": "Goal met", "fail": "Below the goal", "inconclusive": "Not certain"}
_COLOURS = {"pass": "pass", "fail": "fail", "inconclusive": "open"}
_TINT = 0.25
"""How deep a verdict is coloured, 1 = deepest; words on it stay readable."""
_NONE = "No adapter with experts was measured in this run."


def accuracy(found: Routing | None) -> Fragment:
    """Tabulate by domain who tells it how often, each share with its verdict against the goal.

    There is no verdict on all domains together: a large domain would hide a small one.
    """
    if found is None:
        return style.draw("paragraph", _NONE)
    domains = next(iter(found.accuracy.values()))
    shares_of = tables.table(
        ["domain", *map(style.words, found.accuracy)],
        [
            [
                style.words(name),
                *(_share(shares[name], name != ALL) for shares in found.accuracy.values()),
            ]
            for name in domains
        ],
        figures_from=1 + len(found.accuracy),
    )
    said = f"Unscored, since no expert was trained for their domain: {domains[ALL].unscored}."
    return style.join([shares_of, style.draw("paragraph", said)])


def load(found: Routing | None) -> Fragment:
    """Draw domains (down) by experts (across), tinted by the share of the routers' choices."""
    if found is None:
        return style.draw("paragraph", _NONE)
    return tables.table(
        ["domain", *map(style.words, found.experts)],
        [
            [
                style.words(name),
                *(
                    style.draw("tinted", style.rate(share), "", share, _cell(name, expert))
                    for expert, share in zip(found.experts, shares, strict=True)
                ),
            ]
            for name, shares in found.load.items()
        ],
    )


def ways(found: Routing | None) -> Fragment:
    """Draw what each static way costs against the routers, and below it every way's NLL."""
    if found is None:
        return style.draw("paragraph", _NONE)
    drawn = [
        piece
        for way, gap in found.gaps.items()
        for piece in (
            Fragment(f"<h3>{style.markup(way.replace(' - ', ' minus '))}</h3>"),
            results.difference(gap),
        )
    ]
    measured = tables.table(
        ["gates", "response NLL"],
        [
            [style.words(way), style.interval(nll.value, nll.low, nll.high, nll.unit)]
            for way, nll in found.nll.items()
        ],
    )
    return style.join([*drawn, measured])


def _tone(result: Result) -> str:
    if result.low is None or result.high is None:
        return "inconclusive"
    if result.low >= ACCURACY_GOAL:
        return "pass"
    return "fail" if result.high < ACCURACY_GOAL else "inconclusive"


def _share(found: Result, is_judged: bool) -> Fragment:
    tone = _tone(found)
    facts = [
        *([_WORDS[tone]] if is_judged else []),
        *([] if found.low is None else [f"{style.rate(found.low)} to {style.rate(found.high)}"]),
        f"n = {style.count(found.n)} in {style.count(found.families)} families",
    ]
    note = Fragment("<br>".join(map(style.markup, facts)))
    return style.draw("tinted", style.rate(found.value), note, _TINT * is_judged, _COLOURS[tone])


def _cell(domain: str, expert: str) -> str:
    return "pass" if domain == expert else "accent"
