"""The domain classifier learns from every request, is judged on families it did not see, and repeats."""

import msgspec
import pytest

from caretune.errors import ModelError
from caretune.model import domains as served
from caretune.records import Message
from caretune.training import domains
from tests.fixtures.models import EXPERTS, dialogues


@pytest.fixture(scope="module")
def rows():
    """Forty authored dialogues, ten of each domain."""
    return dialogues(40)


@pytest.fixture(scope="module")
def fitted(rows):
    """A classifier of them."""
    return domains.fit(rows, EXPERTS, seed=11)


def test_what_was_learnt_is_known_again(fitted, rows, tmp_path):
    """Written and read back, it finds the domain of nearly every row it was trained on."""
    fitted.write(tmp_path)
    found = served.read(tmp_path)
    right = [found.choose(row.messages, "none").domain == row.domain for row in rows]
    assert sum(right) >= 36
    assert found.header.experts == {name: name for name in EXPERTS if name != "general"}


def test_the_order_of_the_rows_changes_no_byte(fitted, rows, tmp_path):
    """Two runs, rows turned round, equal files."""
    fitted.write(tmp_path / "one")
    domains.fit(rows[::-1], EXPERTS, seed=11).write(tmp_path / "two")
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_validation_counts_authored_rows_by_domain(fitted):
    """Each domain and all, at the last request and at the first; every share has its interval."""
    for shares in (fitted.validation.last, fitted.validation.first):
        assert (shares["all"].n, shares["all"].families) == (40, 40)
        assert shares["crisis_safety"].n == 10
        for share in shares.values():
            assert 0 <= share.low <= share.value <= share.high <= 1
    assert 0 <= fitted.validation.calibration_error <= 1


def test_children_stand_in_the_fold_of_their_parent_and_are_not_counted(rows):
    """A child whose words are its parent's would be known at once from another fold."""
    children = [msgspec.structs.replace(row, id=f"c{row.id[1:]}", parent=row.id) for row in rows]
    with_children = domains.fit([*rows, *children], EXPERTS, seed=11).validation
    alone = domains.fit(rows, EXPERTS, seed=11).validation
    assert with_children.last["all"].n == 40
    # Ten points are four rows: the doubled weight of a row may move some, a leak would find all.
    assert with_children.last["all"].value == pytest.approx(alone.last["all"].value, abs=0.1)
    assert alone.last["all"].value < 0.95


def test_a_domain_without_an_expert_takes_the_general_one(rows):
    """As its rows do in training; without that one it is an error."""
    assert domains.fit(rows, ["general"], 1).experts["crisis_safety"] == "general"
    with pytest.raises(ModelError, match="domain bias_awareness has no expert among grief"):
        domains.fit(rows, ["grief"], 1)


def test_one_domain_is_always_told(rows, tmp_path):
    """There is nothing to choose from, and nothing to train."""
    only = [row for row in rows if row.domain == "crisis_safety"]
    domains.fit(only, EXPERTS, 1).write(tmp_path)
    choice = served.read(tmp_path).choose([Message("user", "anything")], "none")
    assert (choice.domain, choice.probability) == ("crisis_safety", 1.0)


def test_a_domain_of_one_family_is_trained_and_its_fold_has_no_margin(rows):
    """Two rows of two domains are the least there can be: each is alone in its fold."""
    fitted = domains.fit(rows[:2], EXPERTS, 1)
    assert set(fitted.experts) == {rows[0].domain, rows[1].domain}
    assert fitted.validation.last["all"].n == 2


def test_rows_without_a_domain_teach_nothing(rows):
    """They are passed over; where there is no other, that is said."""
    bare = [msgspec.structs.replace(row, domain=None) for row in rows]
    assert domains.fit([*rows[:8], *bare[8:]], EXPERTS, 1).validation.last["all"].n == 8
    with pytest.raises(ModelError, match="no train row has a domain"):
        domains.fit(bare, EXPERTS, 1)


def test_a_domain_of_children_alone_is_not_measured(rows):
    """Nothing authored to count: no share, which is not a share of 0."""
    child = msgspec.structs.replace(rows[-1], domain="grief", parent=rows[0].id)
    share = domains.fit([*rows[:8], child], EXPERTS, 1).validation.last["grief"]
    assert (share.value, share.low, share.n, share.families) == (None, None, 0, 0)
