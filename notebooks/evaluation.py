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
# # May this model be served?
#
# The gate judges the candidate on conversations that no training step has seen. It asks for
# evidence, not for a good impression: a rule passes only when its whole interval lies on the
# right side of its threshold.

# %% tags=["parameters"]
reports = "reports"
data = "data"
models = "models"

# %%
from pathlib import Path

import msgspec

from caretune import records
from caretune.evaluation.result import Item, Metrics
from caretune.records import Conversation
from caretune.reports import results, routing, samples, tables, verdict

# %%
judged = records.read_json(Path(reports) / "gate/verdict.json")
metrics = msgspec.convert(records.read_json(Path(reports) / "evaluation/metrics.json"), Metrics)
items = list(records.read(Path(reports) / "evaluation/items.jsonl", Item))

# %%
verdict.banner(judged)

# %% [markdown]
# ## The rules that bind here
#
# The tinted side of the dashed line passes. The dot is what was measured, the bar its interval.

# %%
verdict.rules(judged, binds=True)

# %% [markdown]
# ## Reported only
#
# These rules bind from a higher level on. They are measured and shown here all the same.

# %%
verdict.rules(judged, binds=False)

# %% [markdown]
# > **How to read this.** *Pass*: the whole interval lies on the passing side. *Fail*: the whole
# > interval lies on the other side. *Inconclusive*: the threshold lies inside the interval, or
# > there are fewer items than the rule asks for; the row then says how many more are needed. The
# > verdict is taken over the binding rules alone, and the service refuses anything but a pass
# > whose digests match the bytes it serves.

# %% [markdown]
# ## What was measured
#
# Every value stands with its interval. Families, not rows, were resampled: rows of one family
# (the same conversation, question or persona, or a near-duplicate) are no independent evidence.

# %%
results.models(metrics)

# %% [markdown]
# ## The differences
#
# Both models answer the same conversations, so their difference is measured conversation by
# conversation. That is far sharper than comparing two intervals of the table above. An interval
# that leaves out zero is a difference; one that holds zero shows none. Two adapters are compared
# once: the one that the gate judged minus the other.

# %%
results.paired(metrics, judged["subjects"])

# %% [markdown]
# > **How to read this.** *Response NLL* is the surprise of the model at the authored reply, in
# > nats for each token: 0 would be perfect foresight, lower is better. *Perplexity* is its
# > exponential: as if the model chose among that many equally likely tokens. *ROUGE-L* is the
# > overlap of word order with the one authored reply (1 = identical); a good reply in other
# > words scores low. *Distinct-n* is the share of different n-grams: near 0, the replies repeat
# > themselves. A rate is the share of generated replies on which the filters acted.

# %% [markdown]
# ## Who chooses the experts
#
# The MoE-LoRA's routers choose experts for each token. A service may choose one expert for a
# whole request instead, by its domain: then the choice can be named and repeated. Three figures
# tell how that goes on families that no training step has seen: who finds the right domain, which
# experts the routers use, and what one expert a request costs.

# %%
routing.accuracy(metrics.routing)

# %% [markdown]
# > **How to read this.** *Router tokens*: tokens whose likeliest expert is that of their domain,
# > mean over the routers. *Router majority*: conversations in which most tokens find it.
# > *Classifier*: by all that was said up to the last client message; *first message*: by that
# > alone. *Request*: as the service decides, where a risk that the filters find goes to the crisis
# > expert before the classifier is asked, so that it may rightly differ from the row's domain.
# > Conversations that the service answers itself, of high or imminent risk above all, are not among
# > the requests: no model is asked about them. The goal is 90&nbsp;% in each domain, and it is met when
# > the whole interval reaches it; all domains together have no verdict, since a large one would hide
# > a small one.

# %% [markdown]
# Share of the routers' choices that each expert gets, by domain:

# %%
routing.load(metrics.routing)

# %% [markdown]
# > **How to read this.** A row sums to 100 %. Were every token to find its domain, the tinted
# > diagonal would hold the most. Rows that are alike mean that the routers hardly tell the domains
# > apart.

# %%
routing.ways(metrics.routing)

# %% [markdown]
# > **How to read this.** A difference above zero is what is lost by one expert a request, in nats
# > for each reply token. *Static requested* takes the expert that the service would take; *static
# > true* the row's own domain, so the distance between the two is what wrong guesses cost. All three
# > are over the conversations that the service would ask the model about, so without those of high
# > or imminent risk.

# %% [markdown]
# ## What the models say
#
# Held-out conversations, chosen by the order of their hashes, a few from each domain. Replies
# are greedy: the same bytes every time. Below each stands what the filters would do with it.

# %%
held_out = records.read(Path(data) / "labelled/test.jsonl", Conversation)
samples.draw(samples.choose(items, held_out, list(metrics.models), wanted=6))

# %% [markdown]
# ## What this cannot show
#
# - **No clinical quality.** No clinician has read these replies, and overlap with an authored
#   reply is no measure of help. Expert review and its rubric come before any level above
#   rehearsal.
# - **No evidence about real people.** The shipped dialogues were written for this project. What
#   holds on them may fail on people who write differently.
# - **Thin evidence where it matters most.** Held-out conversations of high or imminent risk are
#   few. Where the gate says *inconclusive*, it is this that it means.
# - **The filters judge themselves.** The rates above are what our filters found, so what they
#   miss is missing here too. How much they miss stands in the [filters report](filters.html).
# - **A toy base.** The rehearsal base is a few million parameters, trained in minutes. It shows
#   that the way from data to verdict works; its replies are not fit for anybody.

# %% [markdown]
# ## What exactly was judged
#
# The verdict is bound to these bytes. If one of them changes, it no longer holds.

# %%
tables.pairs(judged["subjects"])

# %%
fingerprint = msgspec.to_builtins(metrics.fingerprint)
tables.pairs(
    {
        "filter bundle that judged the replies": metrics.filters,
        "chat template": metrics.decoding.template,
        **metrics.decoding.parameters,
        **metrics.decoding.engine,
        **fingerprint,
    }
)

# %% [markdown]
# The data behind these figures: [data report](data.html). How the adapters were trained:
# [training report](training.html).
