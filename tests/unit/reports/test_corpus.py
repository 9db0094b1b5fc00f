"""The sources, the way of the rows, and the leak proof."""

import msgspec

from caretune.reports import corpus
from tests.fixtures import data_figures


def plain(value):
    """Return what a figures file holds once it is read again."""
    return msgspec.to_builtins(value)


def test_leak_is_called_a_leak():
    """A shared family or a pair too close; either is enough."""
    proof = plain(data_figures.proof())
    assert ">No leak found<" in corpus.leak(proof).html
    assert ">Leak<" in corpus.leak({**proof, "families_shared": 1}).html
    close = {**proof["worst"], "similarity": 0.3}
    assert ">Leak<" in corpus.leak({**proof, "worst": close}).html


def test_closest_pair_is_named_by_its_rows():
    """Both ids with their splits, so that somebody can look."""
    drawn = corpus.leak(plain(data_figures.proof())).html
    assert f"train: <code>{'aa' * 6}</code>" in drawn
    assert f"test: <code>{'bb' * 6}</code>" in drawn


def test_pair_of_no_rows_is_drawn_without_ids():
    """A corpus whose splits share no words at all has no closest pair."""
    proof = plain(data_figures.proof())
    nothing = {"similarity": 0.0, "rows": [], "splits": []}
    assert "<code>" not in corpus.leak({**proof, "worst": nothing}).html


def test_source_tells_licence_exits_and_its_share_of_the_mix():
    """Rows in = rows kept + named exits, and the mix before and after."""
    drawn = corpus.sources(data_figures.ingest()).html
    assert "9 read → 8 kept" in drawn
    assert "1 left: duplicate" in drawn
    assert (
        "CC-BY-4.0; 81.8\N{NO-BREAK SPACE}% of all rows before, 80.0\N{NO-BREAK SPACE}% after"
        in drawn
    )


def test_share_of_nothing_is_not_measured():
    """No source kept a row: no share is made up."""
    ingest = data_figures.ingest()
    for source in ingest["sources"].values():
        source["rows_written"] = 0
    assert "before, not measured after" in corpus.sources(ingest).html


def test_exits_come_largest_first_with_their_meaning():
    """An exit of several stages is one line; an unknown one has a dash."""
    stages = [
        {"ledger": {"exits": {"duplicate": 1, "new_way": 2}}},
        {"ledger": {"exits": {"duplicate": 4}}},
    ]
    drawn = corpus.exits(*stages).html
    assert drawn.index("duplicate") < drawn.index("new way")
    assert "the very words of another row" in drawn
    assert '<td class="figure">5</td>' in drawn
    assert "<td>\N{EN DASH}</td>" in drawn


def test_redaction_that_is_off_is_no_figure_of_zero():
    """Null means not looked for; an empty mapping means that none was found."""
    ingest = data_figures.ingest()
    off = "redaction is switched off in params"
    assert off in corpus.holdings(ingest | {"pii": None}).html
    assert off not in corpus.holdings(ingest | {"pii": {}}).html
