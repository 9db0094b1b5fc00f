"""One row whose licence forbids the intended use stops the gate."""

import pytest

from caretune.gate import licence, verdict
from caretune.records import Conversation, Message


def row(name, license_="CC-BY-4.0", source="ours"):
    """Build a row under a licence."""
    return Conversation(name, source, license_, [Message("user", name)])


@pytest.mark.parametrize("use", ["research", "commercial", "redistribution"])
def test_rows_that_allow_the_use_pass(use):
    """All rows are counted, and nothing is told."""
    found = licence.permits(iter([row("a"), row("b", "MIT")]), use)
    assert (found.name, found.result, found.value, found.n, found.detail) == (
        "licence",
        "pass",
        0,
        2,
        None,
    )


def test_one_forbidding_row_fails_the_verdict():
    """One of a thousand: the rule binds, so the verdict is a fail, and the row is listed."""
    rows = [*(row(f"r{n}") for n in range(1000)), row("nc", "CC-BY-NC-4.0", "forum")]
    found = licence.permits(rows, "commercial")
    assert (found.result, found.binds, found.value, found.n) == ("fail", True, 1, 1001)
    assert verdict.overall([found]) == "fail"
    assert found.detail == (
        "commercial use is forbidden for 1 of forum under CC-BY-NC-4.0: rows nc. Set the source's "
        "enabled to false in params.ingest, or change params.gate.intended_use"
    )
    assert licence.permits(rows, "research").result == "pass"


def test_many_rows_are_counted_by_licence_and_source():
    """The lowest ids are listed in the same order whatever the order of the rows."""
    rows = [row(f"p{n}", "CC-BY-ND-4.0", "papers") for n in range(7)]
    rows += [row(f"q{n}", "LicenseRef-research-only", "clinic") for n in range(2)]
    detail = licence.permits(rows, "redistribution").detail
    assert detail == licence.permits(rows[::-1], "redistribution").detail
    assert detail.startswith(
        "redistribution use is forbidden for 7 of papers under CC-BY-ND-4.0, "
        "2 of clinic under LicenseRef-research-only: rows p0, p1, p2, p3, p4, .... Set"
    )


def test_an_unknown_licence_allows_nothing():
    """A row that slipped past ingest under no known licence stops the gate for every use."""
    assert licence.permits([row("a", "none of them")], "research").result == "fail"


def test_no_row_is_a_fail():
    """Where nothing was read, nothing is known."""
    found = licence.permits([], "research")
    assert (found.result, found.value, found.n) == ("fail", None, 0)
    assert found.detail == "no row was read, so that nothing is known of any licence"


def test_a_row_in_two_files_counts_once_among_the_forbidden():
    """The corpus and the labelled files hold the same rows."""
    found = licence.permits([row("nc", "CC-BY-NC-4.0")] * 2, "commercial")
    assert (found.value, found.n) == (1, 2)
