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
# # What was the model trained on?
#
# Where the dialogues come from, which way each of them took, what was made of them, and what keeps
# the test honest: no conversation, and no near-copy of one, stands on both sides of the split.

# %% tags=["parameters"]
reports = "reports"
data = "data"
models = "models"

# %%
from pathlib import Path

from caretune import records
from caretune.reports import (
    augmentation,
    conservation,
    corpus,
    expert,
    quality,
    style,
    tables,
    trend,
)

# %%
folder = Path(reports) / "data"
ingest = records.read_json(folder / "ingest.json")
split = records.read_json(folder / "split.json")
proof = records.read_json(folder / "leak_proof.json")
augment = records.read_json(folder / "augment.json")
safety_label = records.read_json(folder / "safety_label.json")
stages = {"ingest": ingest, "split": split, "augment": augment, "safety-label": safety_label}

# %%
tables.tiles(
    {
        "dialogues in the corpus": style.count(ingest["rows"]["total"]),
        "sources": style.count(len(ingest["sources"])),
        "rows after augmentation for each train row": style.quantity(augment["ratio"]),
        "families in more than one split": style.count(proof["families_shared"]),
        "children milder than their parent": style.count(conservation.milder(augment)),
    }
)

# %% [markdown]
# ## Where the rows come from
#
# Blue rows got in, hatched rows left, by an exit with a name. All bars have one scale. Below each
# name stand its licence and its share of the mix before and after the door.

# %%
corpus.sources(ingest)

# %% [markdown]
# ## The way of the rows
#
# Every stage accounts for every row that it reads: it is written, or it leaves by an exit with a
# name. Blue rows stay, green rows are new, hatched rows leave. All bars have one scale.

# %%
corpus.way_of_rows(ingest, split, augment, safety_label)

# %% [markdown]
# > Each stage's account hangs under a Merkle root, and the gate checks it again.
# > `caretune trace ROW` follows one row both ways.
#
# ### Every exit, and what it means

# %%
corpus.exits(ingest, split, augment, safety_label)

# %% [markdown]
# ## What the corpus holds

# %%
corpus.holdings(ingest)

# %% [markdown]
# ## Quality, before and after the door
#
# Six scores of 0 to 1, 1 = best, each a formula of a row's words. Plain: rows that stayed. Hatched
# on top: rows that left, for whatever reason. The numbers are the means before → after.

# %%
quality.scores(ingest["quality"])

# %% [markdown]
# ### Mean quality by source
#
# After the door, with the mean before it in small. The darker, the lower. A dash: no row was long
# enough to be scored.

# %%
quality.by_source(ingest["quality"])

# %% [markdown]
# ### Left for its quality
#
# A row that speaks of a crisis is kept all the same, and counted as *spared*: such rows are short
# and blunt by nature, and there are few.

# %%
quality.exits(ingest["quality"])

# %% [markdown]
# ## The trend over versions of the data

# %%
trend.over_versions(Path(data) / "versions.jsonl", stages)

# %% [markdown]
# ## The splits
#
# Whole families are dealt out, never single rows: the same conversation, question or persona, or
# a near-duplicate, always falls on one side.

# %%
tables.of(
    "split",
    split["splits"],
    [
        tables.Column("rows", "rows"),
        tables.Column("families", "families"),
        tables.Column("rows of the largest family", "largest_family"),
    ],
)

# %%
tables.matrix("rows by domain", {name: part["domain"] for name, part in split["splits"].items()})

# %%
tables.matrix(
    "rows by severity", {name: part["severity"] for name, part in split["splits"].items()}
)

# %% [markdown]
# ## The leak proof
#
# A second search, with random choices of its own, looks for the two most similar rows of
# different splits.

# %%
corpus.leak(proof)

# %% [markdown]
# > **How to read this.** Similarity is the share of word triples that two rows have in common: 1
# > = the same words, 0 = none. From the dashed line on, two rows count as near-duplicates and
# > should have been one family; the dot must stand left of it.
#
# Families keep conversations apart, not people: somebody may have written in train and elsewhere.

# %%
tables.tiles(
    {
        "of held-out rows with a known author: the author also wrote in train": style.rate(
            split["author_overlap"]
        ),
        "authors known": style.count(ingest["persons"]),
    }
)

# %% [markdown]
# ## The expert set
#
# Held-out replies for people to score, at most one a family. Neither early stopping nor the test
# sees their families.

# %%
expert.outcome(split["expert"])

# %%
expert.balance(split["expert"])

# %% [markdown]
# ## Augmentation
#
# Train rows get children: the same story told on, told otherwise, or told by somebody else. No
# row of another split has any.

# %%
augmentation.ratio(augment)

# %% [markdown]
# ### By strategy
#
# Blue: children that were kept. Hatched: attempts that came to nothing, by name. *Not suited*: the
# strategy has nothing to say of such a row, or could only change what must stay.

# %%
augmentation.strategies(augment)

# %% [markdown]
# ### The mix

# %%
augmentation.kinds(augment)

# %% [markdown]
# ### How much is new
#
# Distinct words, pairs and triples among all words: 100 % = none comes twice. The more rows, the
# lower, so only samples of like size can be compared; children keep most of their parent's words.

# %%
augmentation.variety(augment)

# %% [markdown]
# ### How near to the parent
#
# *Like the parent* is the mean similarity of a child to its parent, *almost the parent* the share of
# drafted children that say next to nothing new. Counterfactual pairs tell one story of two people
# who differ in one thing, to test fairness.

# %%
augmentation.nearness(augment)

# %% [markdown]
# ### What the filters say of parent and child
#
# The severity that the filters read in a drafted child, beside that of its parent. A milder child
# is never kept.

# %%
augmentation.agreement(augment)

# %% [markdown]
# ## Crisis conservation
#
# Rows at risk in = rows at risk out + named exits, at every stage; severity never falls. The
# sentences that carry the risk are kept to the letter.

# %%
conservation.verdict(stages, augment)

# %%
conservation.flow(stages)

# %% [markdown]
# ### By severity
#
# In → out, with what left in small.

# %%
conservation.severities(stages)

# %% [markdown]
# ### Every type, severity and strategy: the self-test
#
# Before any row is augmented, short dialogues of each type (down) and severity (across) go through
# each strategy. Each square counts the children; a milder one would be red and stop the stage.

# %%
conservation.matrix(augment["conservation"]["probes"])

# %% [markdown]
# ### Every type, severity and strategy: the children of this run
#
# A dot: no train row of that kind was tried. A row of several types counts under each.

# %%
conservation.matrix(augment["conservation"]["run"])

# %% [markdown]
# ### From parent to child
#
# Nothing may stand left of the diagonal.

# %%
conservation.labelled(augment)

# %%
conservation.unlabelled(augment)

# %%
tables.tiles(
    {
        "of sampled children: read by the filters as milder than the parent": style.rate(
            safety_label["children_milder_rate"]
        ),
        "of sampled children: read as of the same severity": style.rate(
            safety_label["children_same_severity_rate"]
        ),
        "sampled children compared": style.count(safety_label["children_compared"]),
    }
)

# %% [markdown]
# ## What this cannot show
#
# - **How people really write.** The shipped dialogues are synthetic text written for this
#   project; other sources have their own weak spots.
# - **That a score is the truth.** Quality is measured by formulas over words: an answer that is on
#   the subject and wrong scores high.
# - **That labels are right.** Severity and domain are as the authors of the dialogues gave them;
#   where they gave none, the filters' label stands in.
# - **A leak of meaning.** Two dialogues may tell one story without sharing three words in a row.
#
# Motivation, collection and weak spots in words: [data card](../docs/data-card.md).
# What the filters find and miss: [filters report](filters.html). What was learnt from these
# rows: [training report](training.html). What came of it: [evaluation report](evaluation.html).
