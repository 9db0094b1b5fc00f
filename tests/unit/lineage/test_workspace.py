"""The project that a stage runs for."""

from pathlib import Path

from caretune.lineage import workspace


def test_a_stage_in_a_copy_finds_its_project(monkeypatch):
    """DVC names it, whatever the working directory."""
    monkeypatch.setenv("DVC_ROOT", "/somewhere")
    monkeypatch.setenv("DVC_EXP_NAME", "one-001")
    assert workspace.root() == Path("/somewhere")
    assert workspace.experiment() == "one-001"


def test_without_dvc_it_is_the_working_directory(monkeypatch):
    """As a stage started by hand."""
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    assert workspace.root() == Path()
    assert workspace.experiment() == ""
