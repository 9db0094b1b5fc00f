"""The rehearsal base learns from the rows it is given, the same way every time."""

from itertools import islice
from pathlib import Path

import pytest

from caretune.errors import ModelError
from caretune.lineage import digest
from caretune.model import base, rehearsal
from tests.fixtures.models import END_OF_TURN, TEMPLATE, dialogues

RECIPE = rehearsal.Recipe(
    vocabulary=300,
    hidden_size=16,
    intermediate_size=32,
    layers=1,
    attention_heads=2,
    key_value_heads=1,
    context=256,
    steps=12,
    batch_size=2,
    sequence=32,
    learning_rate=2e-2,
    embedding_learning_rate=2e-3,
    weight_decay=0.1,
    warmup_steps=3,
)


def _make(out: Path, seed: int = 7) -> rehearsal.Made:
    return rehearsal.make(
        dialogues(4),
        RECIPE,
        template=TEMPLATE,
        end_of_turn=END_OF_TURN,
        seed=seed,
        out=out,
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[rehearsal.Made, Path]:
    """Make one very small base."""
    out = tmp_path_factory.mktemp("made")
    return _make(out), out


def test_equal_runs_give_equal_bytes(made, tmp_path):
    """Two runs with the same rows, seed and threads write the same files."""
    again = _make(tmp_path)
    assert again == made[0]
    assert digest.folder_files(tmp_path) == digest.folder_files(made[1])


def test_seed_reaches_the_weights(made, tmp_path):
    """Another seed gives other weights; the test above can fail."""
    assert _make(tmp_path, seed=8).record.weights_sha256 != made[0].record.weights_sha256


def test_it_learns(made):
    """The loss falls within a few steps."""
    figures = made[0].figures
    assert figures.last_loss < figures.first_loss


def test_figures_count_tokens(made):
    """Trained tokens are steps x rows x tokens a row, and nothing is padding."""
    assert made[0].figures.trained_tokens == 12 * 2 * 32
    assert made[0].figures.rows == 4


def test_every_pass_has_each_row_once():
    """Rows follow one another in another order each pass; none is skipped or doubled."""
    rows = [[place] * 2 for place in range(5)]
    tokens = list(islice(rehearsal._tokens(rows, seed=1), 20))
    assert sorted(tokens[:10]) == sorted(tokens[10:]) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert tokens[:10] != tokens[10:]


def test_rate_rises_and_falls():
    """The rate reaches its peak after the warm-up and ends at a tenth."""
    assert rehearsal._rate(0, RECIPE) == pytest.approx(1 / 3)
    assert rehearsal._rate(3, RECIPE) == 1.0
    assert rehearsal._rate(12, RECIPE) == pytest.approx(0.1)


def test_every_parameter_has_one_optimizer(made):
    """Muon gets the matrices of the blocks, AdamW the rest, and nothing stands still."""
    model = base.load(made[1]).model
    muon, adam = (
        [p for group in o.param_groups for p in group["params"]]
        for o in rehearsal._optimizers(model, RECIPE)
    )
    assert len(muon) + len(adam) == len(list(model.parameters()))
    assert len(muon) == 7


def test_no_rows_are_refused(tmp_path):
    """They would be read again and again without end."""
    with pytest.raises(ModelError, match=r"no rows to train on\. Run `dvc repro split`"):
        rehearsal.make(
            [], RECIPE, template=TEMPLATE, end_of_turn=END_OF_TURN, seed=7, out=tmp_path / "base"
        )
