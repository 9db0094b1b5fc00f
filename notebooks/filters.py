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
# # What do the filters find, and what do they miss?
#
# One bundle of filters labels the training data, judges generated replies and guards the
# service. Its errors are therefore everywhere, and they stand here. No message of anybody is
# shown on this page.

# %% tags=["parameters"]
reports = "reports"
data = "data"
models = "models"

# %%
from pathlib import Path

from caretune import records
from caretune.reports import style, tables

# %%
figures = records.read_json(Path(reports) / "filters/metrics.json")
labels = records.read_json(Path(reports) / "data/safety_label.json")

# %%
decided = figures["decisions"]
crisis = decided["crisis"]
tables.tiles(
    {
        "of crisis messages: some risk seen": style.rate(crisis["any"]["recall"]),
        "of imminent messages: some risk seen": style.rate(
            crisis["by_severity"]["imminent"]["any"]
        ),
        **{
            f"of {found['n']} ordinary messages (set {name}): called high risk": style.rate(
                found["high"]
            )
            for name, found in decided["ordinary"].items()
        },
        "clinical review of the protocol replies": "signed"
        if figures["protocol_reviewed"]
        else "none yet",
    }
)

# %% [markdown]
# ## The decisions
#
# What comes out when patterns and trained heads decide together. *Found* is the share of the
# labelled positives that is raised; it should be near 100 %. *False alarms* is the share of the
# negatives that is raised all the same; it should be near 0.

# %%
tables.of(
    "detector",
    {
        "crisis: any risk": crisis["any"],
        "crisis: high or imminent": crisis["high"],
        "toxicity": decided["toxicity"],
        "bias": decided["bias"],
        "appropriateness": decided["appropriateness"],
    },
    [
        tables.Column("found", "recall", tables.meter),
        tables.Column("false alarms", "false_alarm_rate", tables.warning),
        tables.Column("positives", "positives"),
        tables.Column("negatives", "negatives"),
    ],
)

# %% [markdown]
# ## Crisis, by authored severity
#
# The graver a message, the less of it may be missed. The row *none* counts false alarms; its
# messages were written to be mistaken: idioms, news, somebody else's story.

# %%
tables.of(
    "authored severity",
    crisis["by_severity"],
    [
        tables.Column("any risk seen", "any", tables.meter),
        tables.Column("seen as moderate or graver", "moderate", tables.meter),
        tables.Column("seen as high or imminent", "high", tables.meter),
        tables.Column("messages", "n"),
    ],
)

# %% [markdown]
# ## Whole conversations
#
# Risk that is taken back ("just kidding") is still risk, so the state is kept over the turns.

# %%
sequences = figures["sequences"]
tables.tiles(
    {
        "sequences of turns": style.count(sequences["n"]),
        "of those with risk: seen": style.rate(sequences["recall"]),
        "of those with risk: seen by the next turn at the latest": style.rate(
            sequences["recall_by_next_turn"]
        ),
        "of those without risk: flagged": style.rate(sequences["false_alarm_rate"]),
    }
)

# %% [markdown]
# ## Personal data
#
# A finding counts when it covers at least half of what was labelled.

# %%
tables.of(
    "type",
    figures["pii"],
    [
        tables.Column("found", "recall", tables.meter),
        tables.Column("right when raised", "precision", tables.meter),
        tables.Column("labelled", "n"),
    ],
)

# %% [markdown]
# ## The heads, one by one
#
# Each head is a small linear classifier, scored on messages of folds that it was not trained on;
# near-twins and replies to one situation stay in one fold. Its threshold is set so that no more
# false alarms pass than params allow.

# %%
tables.of(
    "head",
    figures["heads"],
    [
        tables.Column("found", "recall", tables.meter),
        tables.Column("false alarms", "false_alarm_rate", tables.warning),
        tables.Column("on ordinary messages", "ordinary_false_alarm_rate", tables.warning),
        tables.Column("positives", "positives"),
        tables.Column("threshold", "threshold"),
        tables.Column("AUC", "auc"),
    ],
)

# %% [markdown]
# > **How to read this.** A head alone is weaker than the decision above: it does not know the
# > patterns. *On ordinary messages* counts alarms on messages of other tasks, which is nearer to
# > daily use than hand-made traps. *AUC* is the chance that a positive scores above a negative:
# > 0.5 = a coin, 1 = always.
#
# ## The labels on the corpus
#
# The same bundle reads every dialogue of the corpus. Where an author gave a severity, the two
# can be compared.

# %%
tables.matrix("authored severity", labels["gold_filter"])

# %%
tables.tiles(
    {
        "of labelled dialogues: the same severity": style.rate(labels["agreement_rate"]),
        "of labelled dialogues: at most one step apart": style.rate(labels["within_one_step_rate"]),
        "dialogues compared": style.count(labels["n"]),
        "dialogues that the filters could not score": style.count(labels["unscored"]),
    }
)

# %% [markdown]
# ## Known limits
#
# - **The messages were written for this project**, and the patterns were written knowing their
#   kind. Expect less on words that people really use, and measure on your own data before you
#   rely on it.
# - **A missed crisis is possible**, as the tables say. The filters are one layer; they do not
#   replace a person who reads.
# - **English alone.** A text in a language the heads were not measured on is *unscored*, and the
#   service answers it as if there were risk.
# - **Names without a cue are hard.** A bare first name in running text is often missed.
# - **Clinical validity is not claimed.** Until clinicians have signed the protocol replies, the
#   production level refuses them.

# %% [markdown]
# ## Which bundle this is

# %%
tables.pairs({"filter bundle (sha256)": figures["digest"]})

# %% [markdown]
# Where the bundle is used: on the rows of the [data report](data.html), and on the replies of
# the [evaluation report](evaluation.html). The [training report](training.html) shows what was
# learnt.
