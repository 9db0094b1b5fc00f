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
# Where the dialogues come from, which way each of them took, and what keeps the test honest: no
# conversation, and no near-copy of one, stands on both sides of the split.

# %% tags=["parameters"]
reports = "reports"
data = "data"
models = "models"

# %%
from pathlib import Path

from caretune import records
from caretune.reports import corpus, style, tables

# %%
folder = Path(reports) / "data"
ingest = records.read_json(folder / "ingest.json")
split = records.read_json(folder / "split.json")
proof = records.read_json(folder / "leak_proof.json")
augment = records.read_json(folder / "augment.json")
safety_label = records.read_json(folder / "safety_label.json")

# %%
rows = {name: part["rows"] for name, part in tables.ordered(split["splits"]).items()}
tables.tiles(
    {
        "dialogues in the corpus": style.count(ingest["rows"]["total"]),
        "rows: " + "/".join(rows): "/".join(map(style.count, rows.values())),
        "rows after augmentation for each train row": style.quantity(augment["ratio"]),
        "families in more than one split": style.count(proof["families_shared"]),
        "closest pair across splits (1 = same words)": style.quantity(proof["worst"]["similarity"]),
    }
)

# %% [markdown]
# ## The way of the rows
#
# Every stage accounts for every row that it reads: it is written, or it leaves by an exit with a
# name. Blue rows stay, green rows are new, hatched rows leave. All bars have one scale.

# %%
corpus.way_of_rows(ingest, split, augment, safety_label)

# %% [markdown]
# > **How to read this.** A row that leaves by *duplicate* has the very words of another one. The
# > rows of the expert set are put aside for people to score, so neither early stopping nor the
# > test sees them. *Not sampled* are children that this run did not need. Each stage's account
# > hangs under a Merkle root, and the gate checks it again.
#
# ## What it holds
#
# ### By source

# %%
tables.bars(ingest["rows"]["source"])

# %% [markdown]
# ### By domain

# %%
tables.bars(ingest["rows"]["domain"])

# %% [markdown]
# ### By difficulty

# %%
tables.bars(ingest["rows"]["difficulty"])

# %% [markdown]
# ### By severity of the crisis in it

# %%
tables.bars(ingest["rows"]["severity"])

# %% [markdown]
# ### By licence

# %%
tables.bars(ingest["rows"]["license"])

# %% [markdown]
# ## Personal data taken out at the door
#
# Each of these spans was replaced by a placeholder before anything else read the row. *None counted*
# means that none was found, or that redaction is switched off in params.

# %%
tables.bars(ingest["pii"] or {"none counted": 0})

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
# ## Augmentation
#
# Train rows get children: the same story told on, told otherwise, or told by somebody else. No
# row of another split has any.

# %%
none = {"not_suited": 0, "severity_lost": 0}
tables.of(
    "strategy",
    {name: none | found for name, found in augment["strategies"].items()},
    [
        tables.Column("tried", "tried"),
        tables.Column("children", "made"),
        tables.Column("near the parent", "near_parent"),
        tables.Column("dropped: not suited", "not_suited"),
        tables.Column("dropped: severity lost", "severity_lost"),
    ],
)

# %%
tables.tiles(
    {
        "distinct word pairs, train rows": style.rate(augment["distinct_2_train"]),
        "distinct word pairs, children": style.rate(augment["distinct_2"]),
        "children that say nothing new (at least 0.95 similar to the parent)": style.rate(
            augment["near_parent_rate"]
        ),
    }
)

# %% [markdown]
# ## Crisis conservation
#
# No child may be milder than its parent: nothing may stand left of the diagonal. The sentences
# that carry the risk are kept to the letter.

# %%
tables.matrix("parent's severity", augment["severity_parent_child"])

# %% [markdown]
# ## What this cannot show
#
# - **How people really write.** The shipped dialogues are synthetic text written for this
#   project.
# - **That labels are right.** Severity and domain are as the authors of the dialogues gave them;
#   where they gave none, the filters' label stands in.
# - **A leak of meaning.** Two dialogues may tell one story without sharing three words in a row.
#
# What the filters find and miss: [filters report](filters.html). What was learnt from these
# rows: [training report](training.html). What came of it: [evaluation report](evaluation.html).
