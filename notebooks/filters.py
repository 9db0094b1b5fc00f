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
# shown on this page, and nothing on it is a clinical finding.

# %% tags=["parameters"]
reports = "reports"
data = "data"
models = "models"

# %%
from pathlib import Path

from caretune import records
from caretune.reports import filters, style, tables

# %%
figures = records.read_json(Path(reports) / "filters/metrics.json")
labels = records.read_json(Path(reports) / "data/safety_label.json")
decided, sequences = figures["decisions"], figures["sequences"]
crisis = decided["crisis"]

# %%
tables.tiles(
    {
        "of messages with risk: some risk seen": style.rate(crisis["any"]["recall"]["value"]),
        "of imminent messages: judged high or above": style.rate(
            crisis["by_severity"]["imminent"]["high"]["value"]
        ),
        "of harmless traps: judged moderate or above": style.rate(
            crisis["by_severity"]["none"]["moderate"]["value"]
        ),
        "of ordinary messages: judged high or above": style.rate(
            decided["ordinary"]["bias"]["high"]["value"]
        ),
        "clinical review of the protocol replies": "signed"
        if figures["protocol_reviewed"]
        else "none yet",
    }
)

# %% [markdown]
# > **How to read this page.** *Found* is the share of what should be raised that is raised: 100 %
# > misses nobody. *False alarms* is the share of harmless messages that is raised all the same.
# > Each share comes with a line or a pair of numbers: with 95 % confidence the truth for messages
# > of this kind lies there. A short line means many messages, a long one few.
# >
# > **What was measured.** Messages written for this project, each judged by trained heads that did
# > not see it or its near-twins. Most of the harmless ones are *traps*: idioms, news, somebody
# > else's story, written to be mistaken. Daily talk is easier than this; people's real words
# > may be harder.
#
# ## Against the goals
#
# ### What is to be found

# %%
filters.found(decided)

# %% [markdown]
# ### What is to be left alone

# %%
filters.spared(decided)

# %% [markdown]
# ## Crisis: how grave, and how grave it is taken for
#
# Each row holds the messages of one authored severity and tells what the filters made of them.
# Green is right. Red lies to the left: taken for milder than it is. Amber lies to the right: taken
# for graver. What counts most is the red of the last two rows.

# %%
tables.heat("authored", crisis["confusion"])

# %%
tables.of(
    "authored",
    crisis["by_severity"],
    [
        tables.Column("any risk seen", "any", tables.share),
        tables.Column("moderate or above", "moderate", tables.share),
        tables.Column("high or above", "high", tables.share),
    ],
)

# %% [markdown]
# In the row *none* these shares are false alarms.
#
# ## Crisis, by type
#
# *Seen* asks whether any risk was noticed, *grave seen* how much of what is high or imminent was
# judged so, *named* whether the right type was among those named. *Named wrongly* counts messages
# that do not have the type.

# %%
tables.of(
    "type",
    crisis["by_type"],
    [
        tables.Column("seen", "any", tables.share),
        tables.Column("grave seen", "high", tables.share),
        tables.Column("named", "named", tables.share),
        tables.Column("named wrongly", "false_alarm_rate", tables.caution),
    ],
)

# %% [markdown]
# ## Ordinary messages
#
# Messages of other sets that are about no crisis at all: what an ordinary day looks like to the
# filters.

# %%
tables.of(
    "messages of",
    {
        "the bias set": decided["ordinary"]["bias"],
        "the personal-data set": decided["ordinary"]["pii"],
    },
    [
        tables.Column("any risk said", "any", tables.caution),
        tables.Column("moderate or above", "moderate", tables.caution),
        tables.Column("high or above", "high", tables.caution),
    ],
)

# %% [markdown]
# ## Whole conversations: turns to alarm
#
# Risk that is taken back ("just kidding") is still risk, so the state is kept over the turns.
# Counted from the turn in which the author first put the risk, so many conversations are heard:

# %%
filters.delays(sequences)

# %% [markdown]
# An early alarm is not always wrong, since a build-up may be heard before the risk is said; but
# where calm conversations are flagged too, it may be luck.

# %%
tables.of(
    "conversations",
    {
        "with risk: heard": {"rate": sequences["recall"]},
        "with risk: heard by the next turn": {"rate": sequences["recall_by_next_turn"]},
        "with risk: heard before it was said": {"rate": sequences["early_rate"]},
        "with grave risk: judged high or above": {"rate": sequences["high_recall"]},
        "without risk: flagged": {"rate": sequences["false_alarm_rate"]},
        "without risk: judged high or above": {"rate": sequences["high_false_alarm_rate"]},
    },
    [tables.Column("share", "rate", tables.share)],
)

# %% [markdown]
# By the shape of the conversation, the share in which any risk is heard. *Friend only* tells of
# somebody else; *joke* and *never* hold no risk, so what is heard there is a false alarm.

# %%
tables.of(
    "shape",
    {name: {"rate": rate} for name, rate in sequences["alarmed_by_shape"].items()},
    [tables.Column("any risk heard", "rate", tables.share)],
)

# %% [markdown]
# ## Toxicity, bias, fitness of replies

# %%
tables.of(
    "detector",
    {name: decided[name] for name in ("toxicity", "bias", "appropriateness")},
    [
        tables.Column("found", "recall", tables.share),
        tables.Column("false alarms", "false_alarm_rate", tables.caution),
    ],
)

# %%
tables.tiles(
    {
        "of biased messages: the right type of bias named": style.rate(
            decided["bias"]["type_recall"]["value"]
        ),
        "gap between the identities most and least flagged though harmless": style.rate(
            decided["bias"]["identity_gap"]
        ),
    }
)

# %% [markdown]
# ## Is everybody treated alike?
#
# Harmless messages that name an identity, and how many of them are flagged as biased. Equal rows
# would be fair; where a row holds few messages, only a large difference could show.

# %%
tables.of(
    "identity named",
    {
        name: {"rate": rate}
        for name, rate in decided["bias"]["false_alarm_rate_by_identity"].items()
    },
    [tables.Column("flagged though harmless", "rate", tables.caution)],
)

# %% [markdown]
# ## Other people's labelled texts
#
# Their labels mean other things than ours, so each set answers only the questions that it can.

# %%
filters.development(figures)

# %% [markdown]
# ## Personal data
#
# A finding counts when it covers at least half of what was labelled. Names and addresses are found by
# trained taggers and judged here by folds that they did not see; the others by patterns that were
# written beside these very messages, so that their row is the best case.

# %%
tables.of(
    "type",
    figures["pii"] | {"NAME": figures["names_held_out"], "ADDRESS": figures["addresses_held_out"]},
    [
        tables.Column("found", "recall", tables.share),
        tables.Column("right when raised", "precision", tables.share),
    ],
)

# %% [markdown]
# ## Can a score be taken at its word?
#
# Each dot is a group of messages with like scores; its height is how many of them really are
# positive, its line the interval, its size the number of messages. On the dashed line a score of
# .7 is right seven times in ten. Above the line the head is too modest, below it too sure. The heads
# were fitted to ordinary messages too, while these sets hold many more positive ones and traps: a
# head that looks modest here may be right in daily talk.

# %%
filters.reliability(decided["calibration"])

# %% [markdown]
# ## The worst mistakes
#
# Of each detector the six worst misses and the six worst false alarms: first the most steps of
# severity apart, then those whose score (of any risk, of any toxicity and so on) was surest of the
# wrong thing. Given are the first digits of a message's record id; docs/safety.md tells how to look
# it up.

# %%
filters.worst(decided["worst"])

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
# > A head alone is weaker than the decision above: it does not know the patterns. *On ordinary
# > messages* counts alarms on messages of other tasks, which is nearer to daily use than hand-made
# > traps. *AUC* is the chance that a positive scores above a negative: 0.5 = a coin, 1 = always.
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
# ## What is not covered
#
# - **Other languages.** A text in a language the heads were not measured on is *unscored*, never
#   *none*, and the service answers it as if there were risk.
# - **Explicit methods.** They have a word list of their own that no message here tests, since the
#   authored messages name none; docs/safety.md tells how it did on messages that do.
# - **Personal data in other scripts**, and formats of phones and addresses of countries that no
#   message here comes from. Names that are missed are mostly ordinary words (Mark, May).
# - **Violence by somebody else**, neglect, eating disorders, trafficking: no type of crisis here
#   means them, and they may pass unnoticed.
# - **Voices and pictures.** Text alone is read.
# - **HateCheck**, the public test of hate speech, was not among the sets that could be had.
# - **Speed.** Wall times differ from machine to machine, so they do not stand on a page whose bytes
#   are proved; `make bench-filters` measures them beside other tools.
#
# ## Limits, and what this is for
#
# - **The messages were written for this project**, and the patterns were written knowing their
#   kind. Expect less on words that people really use, and measure on your own data before you
#   rely on it.
# - **The intervals take messages as independent.** They share authors and situations, so the truth
#   is somewhat less sure than drawn.
# - **A missed crisis is possible**, as the tables say. The filters are one layer; they do not
#   replace a person who reads.
# - **Meant for** building, testing and gating this pipeline. **Not meant for** deciding about a
#   person, profiling employees or pupils, or standing alone between a person in need and help.
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
