"""The feature row, on whose places every trained head stands."""

import numpy as np
import pytest

from caretune.safety import features


def test_places_stay_where_heads_were_trained():
    """Another hash would leave every stored weight at a place that means something else."""
    row = features.row("a a b", ["seen"], 18, "b")
    assert row.block.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 3]
    assert row.places.tolist() == [
        51031,
        149004,
        168420,
        175269,
        1189,
        92771,
        109653,
        124387,
        198782,
        254926,
        180950,
        95454,
    ]
    assert row.counts.tolist() == pytest.approx(
        [1.0, 1.0, 1.693147, 1.0, 1.693147, 1.0, 1.693147, 1.693147, 1.0, 1.0, 1.0, 1.0]
    )


def test_places_of_a_block_are_distinct_and_ascend():
    """Blocks follow one another, and a word that stands twice has one place."""
    row = features.row("so tired, so very tired of it", ["b", "a", "a"], 12, "so what? so what?")
    keys = row.block * (1 << 12) + row.places
    assert (np.diff(keys) > 0).all()
    assert row.places.max() < 1 << 12
    assert np.unique(row.block).tolist() == [0, 1, 2, 3]
    assert np.count_nonzero(row.block == 2) == 2


@pytest.mark.parametrize("text", ["", "...", "\u4f60\u597d"], ids=["nothing", "signs", "no ASCII"])
def test_a_text_without_words_has_an_empty_row(text):
    """No word, no feature, and no error."""
    assert [len(column) for column in features.row(text, [], 18)] == [0, 0, 0]


def test_a_text_and_its_context_are_told_apart():
    """The same word has one place in a reply and another in what it answers."""
    said, heard = features.row("help", [], 18), features.row("", [], 18, "help")
    assert said.places[said.block == 0].tolist() != heard.places.tolist()
