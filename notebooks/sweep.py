# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Which training values are worth taking?
#
# A sweep trains the **MoE-LoRA** again and again with other values and scores each training on
# the **validation split**. The first trial has the values of params.yaml, so that *better than the
# default* is measured under the same conditions. No trial reads the test split.

# %% tags=["parameters"]
reports = "reports"
sweep = "sweep"

# %%
from pathlib import Path

from caretune import records
from caretune.reports import style, sweep_figures, tables

# %%
found = records.read_json(Path(reports) / f"sweep-{sweep}.json")
trials, direction = found["trials"], found["direction"]
scores = {one["number"]: one["score"] for one in trials}
best, default = scores.get(found["best"]), scores.get(found["default"])

# %%
tables.tiles(
    {
        "trials complete": style.count(sum(score is not None for score in scores.values())),
        "trials failed": style.count(sum(one["state"] == "failed" for one in trials)),
        "best score": style.quantity(best),
        "the default's": style.quantity(default),
        "US dollars spent": f"{found['spent_usd']:.4f}",
    }
)

# %% [markdown]
# ## How the best came about

# %%
sweep_figures.overview(trials, found["front"], direction)

# %% [markdown]
# > **How to read this.** Left: if the line still falls at the end, more trials may find more. Right:
# > a trial on the line is not beaten by any that is as quick; whoever pays for time picks from it.
# > The time is that of the training alone, on the machine where it was first run.
#
# ## Where the good values lie

# %%
sweep_figures.parallel(trials, found["best"], direction)

# %%
sweep_figures.importance(found["importance"], found["is_firm"])

# %% [markdown]
# > **How to read this.** Each bar is the share of the scores' variance that a value explains by
# > itself and with others (fANOVA), within this space: widen the space of one and its share grows.
# > A best value at an end of its axis says that the space may end too early.
#
# ## Every complete trial

# %%
sweep_figures.listed(trials, found["best"])

# %% [markdown]
# ## Trials without a score

# %%
sweep_figures.failed(trials)

# %% [markdown]
# ## Reads of the test split
#
# A test split that chooses between models is a validation split. Each line counts how often
# other weights were judged on one test split in this checkout; a sweep must add none.

# %%
tables.pairs(
    {f"split {test[:12]}": style.count(count) for test, count in found["test_reads"].items()}
    or {"any split": "0"}
)

# %% [markdown]
# ## What this cannot show
#
# - That the best is better on other dialogues. The lowest of many validation scores is lucky as
#   well as good: expect the test split to give back a part of the gain.
# - That another seed would choose the same. Train the best and the default with other seeds before
#   you rely on a small difference.
#
# ## What was tried

# %%
tables.pairs(found["settings"])
