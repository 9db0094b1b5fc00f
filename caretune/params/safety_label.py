"""Parameters of the `safety-label` stage."""

from caretune.params.section import Count, PositiveRate, Rate, Section


class SafetyLabel(Section):
    """What of the augmented data is trained on, and which replies are too toxic for it."""

    seed: Count
    """Seed of the sample of augmented children."""
    augmented_rate: Rate
    """Share of the augmented children that enters labelled/train (ranked by hash, stated sample)."""
    drop_unsafe_replies: bool
    """Drop train rows whose assistant turns the filters call toxic (a named exit)."""
    max_toxic_reply_score: PositiveRate
    """An assistant turn at or above this toxicity score counts as unsafe."""
