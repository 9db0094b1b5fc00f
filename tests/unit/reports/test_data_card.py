"""The data card follows the figures, and says what is not measured."""

import pytest

from caretune.reports import data_card as card

ORIGINS = {
    "dialogues": card.Origin("CC-BY-4.0", "ships with the project"),
    "counsel_chat": card.Origin("MIT", "https://example.org/counsel.csv"),
}
RAW = {"dialogues.jsonl": 675, "messages_new.jsonl": 12}
FIGURES = {
    "ingest": {
        "rows": {
            "total": 12_345,
            "source": {"dialogues": 12_000, "counsel_chat": 345},
            "license": {"CC-BY-4.0": 12_000, "MIT": 345},
            "domain": {"crisis_safety": 12_345},
            "difficulty": {"hard": 1, "routine": 2},
            "severity": {"high": 3, "none": 5, "unlabelled": 7},
        },
        "messages": {"user": 40_000, "assistant": 39_000},
        "ledger": {"rows_read": 13, "rows_written": 12, "exits": {"duplicate": 1}, "root": "ab"},
        "quality": {
            "dialogues": {
                "rows": {"before": 12_100, "after": 12_000},
                "exits": {"repetitive": 100},
                "spared": {"too_short": 4},
                "scores": {
                    "naturalness": {
                        "before": {"n": 5, "mean": 0.51234},
                        "after": {"n": 5, "mean": 0.75},
                    },
                    "fit": {"before": {"n": 0, "mean": None}, "after": {"n": 0, "mean": None}},
                },
            },
            "plain": {"rows": {"before": 1, "after": 1}, "exits": {}, "spared": {}, "scores": {}},
        },
        "crisis": {"in": 10, "out": 9, "exits": {"duplicate": 1}, "severities": {}},
        "pii": {"NAME": 694},
        "persons": 17,
    },
    "split": {
        "splits": {
            "train": {"rows": 8, "severity": {"high": 2, "imminent": 1}},
            "test": {"rows": 2, "severity": {"none": 2}},
        },
        "expert": {
            "wanted": {"examples": 500},
            "found": {"examples": 40, "crisis": 6, "crisis_rate": 0.15},
            "why": "Few families.",
        },
        "author_overlap": 0.25,
    },
    "leak_proof": {
        "families_shared": 0,
        "worst": {"similarity": 0.0829},
        "threshold": 0.3,
        "found_rate": 0.9976,
    },
    "augment": {
        "children": 1554,
        "train": 654,
        "ratio": 3.3761,
        "wanted_ratio": 3.43,
        "labels": {"same_rate": 0.875},
        "strategies": {"paraphrase": {"tried": 507, "made": 295, "labels": {"same": 3}}},
        "severity_parent_child": {"none": {"low": 4}},
    },
}


def render(**changes):
    """Render the card of the figures, with stages replaced; None takes a stage away."""
    figures = {name: found for name, found in (FIGURES | changes).items() if found is not None}
    return card.render(figures, ORIGINS, RAW)


@pytest.mark.parametrize(
    "words",
    [
        "12,345 rows, each a conversation",
        "| dialogues | 12,000 |",
        "| counsel_chat | https://example.org/counsel.csv | MIT |",
        "| dialogues | ships with the project | CC-BY-4.0 |",
        "| MIT | 345 |",
        "| MIT | research, commercial, redistribution | attribution |",
        "| crisis_safety | 12,345 |",
        "| dialogues.jsonl | 675 | supportive dialogues",
        "| messages_new.jsonl | 12 | described beside it |",
        "| ingest | 13 | 12 | duplicate 1 |",
        "| score | before | after |\n| --- | ---: | ---: |\n| fit | not measured | not measured |\n",
        "| source | repetitive |\n| --- | ---: |\n| dialogues | 100 |\n",
        "| source | too_short |\n| --- | ---: |\n| dialogues | 4 |\n",
        "| naturalness | 0.512 | 0.75 |",
        "| dialogues | 12,100 | 12,000 |",
        "Families in more than one split: 0.",
        "similarity 0.0829",
        "probability 99.8%",
        "wrote in train: 25.0%",
        "- train: 8 rows",
        "40 replies of 500 wanted, 6 of them in crisis\n(15.0%). Few families. Their families",
        "1,554 children of 654 train rows: a ratio of 3.38, 3.43 wanted",
        "as they label the parent: 87.5%",
        "| strategy | tried | made |\n| --- | ---: | ---: |\n| paraphrase | 507 | 295 |\n",
        "| parent | low |\n| --- | ---: |\n| none | 4 |\n",
        "| ingest | 10 | 9 | duplicate 1 |",
        "(17 persons)",
        "| NAME | 694 |",
        "by split: train 3, test 0.",
    ],
)
def test_every_figure_is_on_the_card(words):
    """Composition, exits, quality, splits, proof, augmentation, crisis and personal data."""
    assert words in render()


def test_the_header_is_what_dataset_hubs_read():
    """Licences, size and language stand in the YAML header, each in the hub's own word."""
    header = render().split("---\n")[1]
    assert "license: [cc-by-4.0, mit]" in header
    assert "size_categories: 10K<n<100K" in header
    assert "language: en" in header


@pytest.mark.parametrize(
    ("rows", "word"),
    [(999, "n<1K"), (1000, "1K<n<10K"), (608_458, "100K<n<1M"), (2_000_000, "1M<n<10M")],
)
def test_size_is_a_class(rows, word):
    """The header names the class in which the number of rows falls."""
    assert f"size_categories: {word}\n" in render(ingest={"rows": {"total": rows}})


@pytest.mark.parametrize("gone", sorted(FIGURES))
def test_a_missing_stage_is_said(gone):
    """Without a stage's figures the card is still written, and says what is not measured."""
    assert "not measured" in render(**{gone: None})


def test_nothing_measured_is_no_zero():
    """Without any figure the card holds no number of rows at all."""
    text = card.render({}, {}, {})
    assert "not measured rows, each a conversation" in text
    assert "Not measured in this run." in text


def test_severities_and_difficulties_stand_in_their_order():
    """From the mildest to the gravest, not by letter."""
    text = render()
    assert (
        text.index("| none | 5 |") < text.index("| high | 3 |") < text.index("| unlabelled | 7 |")
    )
    assert text.index("| routine | 2 |") < text.index("| hard | 1 |")


def test_flags_and_lists_are_readable():
    """A yes or no, and words side by side."""
    assert card._cell(True) == "yes"
    assert card._cell([0.08, 0.2]) == "0.08, 0.2"
    assert card._cell({}) == "none"


def test_the_card_does_not_depend_on_the_order_of_figures():
    """Figures in another order give the same bytes."""
    turned = dict(reversed(FIGURES.items()))
    assert card.render(turned, dict(reversed(ORIGINS.items())), RAW) == render()
