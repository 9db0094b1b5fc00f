"""pyproject.toml declares what the code imports, and imports or explains what it declares."""

import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import grimp
import pytest

from tests.house.closure import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOT_IMPORTED = {
    "dvc": "people and make run it; it runs the stages",
    "httptools": "uvicorn parses HTTP with it when it is there",
    "ipykernel": "papermill runs the notebooks in its kernel",
    "uv": "`bentoml build` calls it, and would fetch it from the network where it is missing",
    "uvloop": "uvicorn takes its event loop when it is there",
}
"""Needed at run time by another package, not by an import of ours."""
OURS = ("caretune", "stages")


def name_of(requirement):
    """Return the normalised distribution name of a requirement."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement).group()).lower()


def names(requirements):
    """Return the distribution names of requirements."""
    return {name_of(requirement) for requirement in requirements}


CORE = names(PROJECT["dependencies"])
EXTRAS = PROJECT["optional-dependencies"]
PIPELINE = CORE | names(EXTRAS["pipeline"]) | names(EXTRAS["tracking"])


@pytest.fixture(scope="module")
def imported():
    """The distributions that the code imports, each with its importers."""
    graph = grimp.build_graph(*OURS, include_external_packages=True, cache_dir=None)
    owners = packages_distributions()
    outside = {m for m in graph.modules if m.split(".")[0] not in OURS} - sys.stdlib_module_names
    return {
        name_of(owner): graph.find_modules_that_directly_import(module)
        for module in outside
        for owner in owners.get(module, [module])
        if module != "ruamel" or owner == "ruamel.yaml"  # a namespace of several distributions
    }


def test_every_import_is_declared(imported):
    """Nothing is there only because another package happens to bring it."""
    assert len(imported) > 20
    assert sorted(set(imported) - PIPELINE) == []


def test_what_the_service_imports_is_in_the_core(imported):
    """An install without extras serves."""
    service = {
        name
        for name, modules in imported.items()
        if any(module.startswith("caretune.service") for module in modules)
    }
    assert service
    assert sorted(service - CORE) == []


def test_every_declared_package_is_imported_or_explained(imported):
    """What nothing needs is not installed."""
    assert sorted(PIPELINE - set(imported) - set(NOT_IMPORTED)) == []
    assert sorted(set(NOT_IMPORTED) & set(imported)) == []


@pytest.mark.parametrize(
    ("lock", "declared"), [("requirements.lock", PIPELINE), ("deploy/service.lock", CORE)]
)
def test_every_declared_package_is_locked(lock, declared):
    """The lock files pin everything that is declared."""
    pinned = names(re.findall(r"^([\w.-]+)==", (ROOT / lock).read_text(), flags=re.MULTILINE))
    assert sorted(declared - pinned) == []
