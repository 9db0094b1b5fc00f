"""The figures of the base and of both adapters' trainings."""

from collections.abc import Mapping, Sequence
from typing import Any

from caretune.reports import style, tables
from caretune.reports.style import Fragment

_LOAD = "router/load/"


def key_figures(base: Mapping[str, Any], trained: Mapping[str, Mapping[str, Any]]) -> Fragment:
    """Draw what matters most: sizes, steps and the best validation loss of base and adapters.

    Args:
        base: reports/base/metrics.json.
        trained: Adapter -> its training.json.
    """
    first = next(iter(trained.values()))
    loss = {
        f"validation NLL, {style.words(name)}": style.quantity(one["best_validation_nll"])
        for name, one in trained.items()
    }
    return tables.tiles(
        {
            f"parameters of the base ({base['base']['kind']})": style.count(
                base["base"]["parameters"]
            ),
            "optimiser steps of each adapter": style.count(first["steps"]),
            "validation NLL, base alone": style.quantity(first["base_validation_nll"]),
            **loss,
        }
    )


def comparison(trained: Mapping[str, Mapping[str, Any]]) -> Fragment:
    """Draw a table of what went into each adapter and what came out."""
    rows = {
        "trainable parameters": "trainable_parameters",
        "train rows": "train_rows",
        "validation rows": "validation_rows",
        "tokens trained on": "tokens",
        "train rows that lost their oldest messages": "rows_cut",
        "train rows whose last exchange alone was too long": "rows_clipped",
        "best step (released)": "best_step",
        "validation NLL at the best step": "best_validation_nll",
    }
    return tables.table(
        ["", *map(style.words, trained)],
        [
            [caption, *(style.quantity(one[field]) for one in trained.values())]
            for caption, field in rows.items()
        ],
    )


def expert_load(history: Sequence[Mapping[str, float]]) -> Fragment:
    """Draw each expert's share of the top-k choices at the last step that logged it; sums to 1."""
    last = next(row for row in reversed(history) if any(name.startswith(_LOAD) for name in row))
    shares = {
        name.removeprefix(_LOAD): share for name, share in last.items() if name.startswith(_LOAD)
    }
    return tables.bars(shares, "rate", "moe_lora")
