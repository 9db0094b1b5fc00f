"""Notebooks are percent scripts that papermill can run and that define no functions."""

import ast

import jupytext
import pytest

from tests.house.closure import ROOT

NOTEBOOKS = sorted(ROOT.glob("notebooks/*.py"))


def test_there_are_five_notebooks():
    """Four that the pipeline renders, and that of a sweep."""
    names = ["data", "evaluation", "filters", "sweep", "training"]
    assert [path.stem for path in NOTEBOOKS] == names


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_header_names_format_and_kernel(path):
    """Without them jupytext reads the light format, and papermill stops."""
    notebook = jupytext.read(path)
    assert notebook.metadata["jupytext"]["text_representation"]["extension"] == ".py"
    assert notebook.metadata["jupytext"]["text_representation"]["format_name"] == "percent"
    assert notebook.metadata["kernelspec"]["name"] == "python3"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_one_cell_is_tagged_parameters(path):
    """Papermill replaces exactly this cell."""
    tagged = [c for c in jupytext.read(path).cells if "parameters" in c.metadata.get("tags", [])]
    assert len(tagged) == 1


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_define_no_functions(path):
    """They show and explain; what computes stands in the library, under test."""
    tree = ast.parse(path.read_text())
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    assert [node.name for node in ast.walk(tree) if isinstance(node, defined)] == []
