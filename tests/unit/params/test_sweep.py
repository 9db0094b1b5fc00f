"""The space of a sweep."""

import pytest

from caretune.errors import ParamsError
from caretune.params import loader
from tests.house.closure import ROOT


@pytest.mark.parametrize(
    ("domain", "fault"),
    [
        pytest.param(
            {"low": 2, "high": 1, "log": False, "points": 2},
            r"high: expected more than low 2, got 1",
            id="turned round",
        ),
        pytest.param(
            {"low": 0, "high": 1, "log": True, "points": 2},
            r"low: expected more than 0 where log is true, got 0",
            id="log of zero",
        ),
        pytest.param({"low": 1, "high": 2, "log": False, "points": 1}, "points", id="one point"),
        pytest.param([], "at least 1 item", id="no choice"),
    ],
)
def test_a_wrong_domain_is_named(domain, fault):
    """At its own key."""
    values = loader.read_yaml(ROOT / "params.yaml")
    values["sweep"]["space"] = {"train.x": domain}
    with pytest.raises(ParamsError, match=fault):
        loader.check(ROOT / "params.yaml", values)
