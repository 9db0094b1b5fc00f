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
# # How were the adapters trained?
#
# Two adapters learn from the same rows, in the same order, for the same number of optimiser
# steps: the **MoE-LoRA**, a mixture of small experts with a router, and a plain **LoRA** of the
# same total rank. The second is there so that a gain can be put down to the mixture and not to
# its size.

# %% tags=["parameters"]
reports = "reports"
data = "data"
models = "models"

# %%
from pathlib import Path

from caretune import records
from caretune.reports import figures, style, tables, training

# %%
base = records.read_json(Path(reports) / "base/metrics.json")
adapters = ("moe_lora", "lora")
history = {
    name: records.read_json(Path(reports) / f"train/{name}/history.json") for name in adapters
}
trained = {
    name: records.read_json(Path(models) / f"adapter/{name}/training.json") for name in adapters
}
classifier = records.read_json(Path(models) / "adapter/moe_lora/best/domains.json")

# %%
one = trained["moe_lora"]
tables.tiles(
    {
        f"parameters of the base ({base['base']['kind']})": style.count(base["base"]["parameters"]),
        "optimiser steps of each adapter": style.count(one["steps"]),
        "validation NLL, base alone": style.quantity(one["base_validation_nll"]),
        **{
            f"validation NLL, {style.words(name)}": style.quantity(found["best_validation_nll"])
            for name, found in trained.items()
        },
    }
)

# %%
training.standing(trained)

# %% [markdown]
# Whether the two differ on held-out families stands in the [evaluation report](evaluation.html).
#
# ## Loss
#
# Both count assistant turns only, in nats for each token. The left curve is what the optimiser
# saw; the right one is the validation split, whose families are in no training row. Step 0 is
# the base without any adapter.

# %%
figures.side_by_side(
    training.loss(history),
    figures.curves(
        "Validation loss",
        "nats per reply token, lower is better",
        {name: figures.points(history[name], "validation_nll") for name in adapters},
    ),
)

# %% [markdown]
# > **How to read this.** The validation curve should fall: it is of the same rows each time. The
# > training curve need not fall visibly in a short training: each step is another handful of
# > dialogues, which differ from one another by more than is learnt meanwhile, so that even the
# > running mean may stay level. If validation rises while training falls, the adapter learns its
# > rows by heart; that is why the checkpoint with the lowest validation score (see *Other
# > objectives*) is released, and not the last.
#
# ## Other objectives
#
# Beside the next token of a reply an adapter may learn to find fit replies likelier than unfit
# ones (*safety*) and a context's own reply likelier than one from another conversation
# (*coherence*). The validation score, the sum of the validation losses weighted by
# `params.train.selection`, chooses what is released: the lowest. Where only the response NLL has a
# weight, that is the lowest validation loss above.

# %%
training.objectives(history)

# %% [markdown]
# > **How to read this.** Each loss should fall, on the validation rows above all. A weight that
# > buys one loss at the price of the response NLL shows here as two curves that part.
#
# ## Steps
#
# The learning rate rises during the warm-up and falls after it. The gradient norm is that before
# clipping.

# %%
figures.side_by_side(
    training.curve("Learning rate", "of the experts' matrices", history, "learning_rate"),
    training.curve("Gradient norm", "before clipping, no unit", history, "gradient_norm"),
)

# %% [markdown]
# > **How to read this.** A norm that grows from step to step announces a loss that jumps. A step
# > whose gradient is no number is left out; the table below counts such steps where the training
# > recorded them, and there should be none.
#
# ## Both adapters, side by side

# %%
shown = {
    "trainable parameters": "trainable_parameters",
    "train rows": "train_rows",
    "validation rows": "validation_rows",
    "tokens trained on": "tokens",
    "train rows that lost their oldest messages": "rows_cut",
    "train rows whose last exchange alone was too long": "rows_clipped",
    "best step (released)": "best_step",
    "validation NLL at the best step": "best_validation_nll",
    "validation score at the best step": "best_score",
    "steps left out, their gradient being no number": "steps_left_out",
}
tables.table(
    ["", *map(style.words, trained)],
    [
        [caption, *(style.quantity(found[field]) for found in trained.values())]
        for caption, field in shown.items()
        if all(field in found for found in trained.values())
    ],
)

# %% [markdown]
# ## The router
#
# In every decoder block a router sends each token to a few experts. Each expert is named after a
# domain, and a loss asks the router to follow the domain of the row.

# %%
routed = {"moe_lora": history["moe_lora"]}
figures.side_by_side(
    training.curve(
        "Routing accuracy",
        "share of training tokens whose likeliest expert is their domain's, higher is better",
        routed,
        "router/domain_accuracy",
    ),
    training.curve(
        "Routing accuracy, validation",
        "the same on the validation rows, whose families are in no training row",
        routed,
        "validation_router/domain_accuracy",
    ),
    training.curve(
        "Load-balance loss",
        "1 = every expert does an equal share of the work",
        routed,
        "router/load_balance",
    ),
)

# %%
training.experts(history["moe_lora"])

# %% [markdown]
# Share of the work that each expert does, at the last logged step:

# %%
last = [row for row in history["moe_lora"] if "router/load_balance" in row][-1]
load = {name: share for name, share in last.items() if name.startswith("router/load/")}
tables.bars({name.rsplit("/")[-1]: share for name, share in load.items()}, "rate", "moe_lora")

# %% [markdown]
# > **How to read this.** An expert near 0 has hardly any say and learns hardly anything. A router
# > sends each token to `params.train.moe_lora.top_k` experts: where that many of them share nearly
# > all of the work, every token goes the same way, and the mixture is little more than a plain
# > LoRA again. No limit is drawn: the alert judges the mean over the last 20 logged steps against
# > `params.train.alerts`, so that a single batch of few domains sets off none. A row whose domain
# > has no expert of its own teaches *general*; a row without a domain teaches the router nothing.
#
# ## The domain classifier
#
# A service may choose one expert for a whole request instead. Then a small classifier of hashed
# words tells the domain. Here it is judged by cross-validation on the train rows: each authored
# row by a model that saw none of its family, its augmented children included.

# %%
training.classifier(classifier)

# %% [markdown]
# > **How to read this.** 100 % = every request goes to its domain; the line on a bar is the 95 %
# > interval over families. At the first message a single sentence is all that is known, and the
# > domain often shows only later. The [evaluation report](evaluation.html) has the same for
# > held-out families, beside the routers.
#
# ## What this cannot show
#
# - That a lower loss makes a better answer. It is the surprise at one authored reply.
# - How long it took: times differ from run to run, so they stand in `reports/timing/` and not
#   here.
#
# Whether the difference between the two is more than chance stands in the [evaluation
# report](evaluation.html); what they learnt from, in the [data report](data.html).
