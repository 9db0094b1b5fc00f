"""docs/data-card.md is what the figures say; `caretune data card` renews it."""

from caretune.cli import data
from tests.house.closure import ROOT


def test_the_data_card_is_rendered_from_the_figures(monkeypatch):
    """No number is typed by hand; where this fails, run `caretune data card` and commit the page."""
    monkeypatch.chdir(ROOT)
    assert (ROOT / "docs/data-card.md").read_text(encoding="utf-8") == data.rendered()


def test_another_figure_is_noticed(monkeypatch):
    """The guard can fail: one row more in the figures is another card."""
    monkeypatch.chdir(ROOT)
    before = data.rendered()
    figures = data.figures()
    figures["ingest"]["rows"]["total"] += 1
    monkeypatch.setattr(data, "figures", lambda: figures)
    assert data.rendered() != before
