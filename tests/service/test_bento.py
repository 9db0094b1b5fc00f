"""bentofile.yaml: the bento holds what serving needs, and nothing of the trainer."""

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import grimp
import httpx
import pytest
from ruamel.yaml import YAML

from tests.house.closure import ROOT
from tests.service.process import serving

_SERVICE = "caretune.service.app"
_FRESH = "CARETUNE_TEST_FRESH_ENVIRONMENT"
_BENTOFILE = YAML(typ="safe", pure=True).load(ROOT / "bentofile.yaml")


def _included() -> set[str]:
    """The package's files that bentofile.yaml takes, relative to the root."""
    chosen, left_out = (
        {path.relative_to(ROOT).as_posix() for p in patterns for path in ROOT.glob(p.lstrip("/"))}
        for patterns in (_BENTOFILE["include"], _BENTOFILE["exclude"])
    )
    return {path for path in chosen - left_out if path.startswith("caretune/")}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """The import graph, other people's packages as single nodes."""
    return grimp.build_graph("caretune", include_external_packages=True, cache_dir=None)


def test_the_bento_holds_the_imports_of_the_service_and_nothing_else(graph):
    """A module too few fails only when deployed; one too many is the trainer's: exclude it."""
    modules = {m for m in graph.find_upstream_modules(_SERVICE) if m.startswith("caretune")}
    files = {f"{m.replace('.', '/')}.py" for m in {*modules, _SERVICE}}
    needed = {file for file in files if (ROOT / file).exists()}
    taken = {path for path in _included() if not path.endswith("__init__.py")}
    assert len(needed) > 20
    assert sorted(needed - taken) == []
    assert sorted(taken - needed) == []


def test_the_service_imports_no_trainer(graph):
    """What only the pipeline installs is not in the service's requirements."""
    imported = graph.find_upstream_modules(_SERVICE)
    assert {"msgspec", "torch", "peft"} <= imported
    trainer = {"trl", "datasets", "evaluate", "sklearn", "dvclive", "papermill", "dvc"}
    assert imported & trainer == set()
    assert not any(
        name.startswith(("caretune.training", "caretune.evaluation", "caretune.corpus"))
        for name in imported
    )


def test_the_services_pins_are_those_of_the_big_lock():
    """What was tested together is what is served together."""
    pins, big = (
        dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / name).read_text(), flags=re.MULTILINE))
        for name in ("deploy/service.lock", "requirements.lock")
    )
    assert len(pins) > 50
    assert {name: pin for name, pin in pins.items() if big.get(name) != pin} == {}


@pytest.fixture(scope="module")
def bento(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a bento from the real bentofile and sources, with a tiny release."""
    folder = tmp_path_factory.mktemp("bento")
    source = folder / "source"
    shutil.copytree(project, source)
    shutil.copytree(ROOT / "caretune", source / "caretune")
    shutil.copytree(ROOT / "deploy", source / "deploy")
    out = folder / "bento"
    subprocess.run(
        [Path(sys.executable).with_name("bentoml"), "build", ".", "--output", "tag"],
        cwd=source,
        env={**os.environ, "BENTOML_HOME": str(folder / "home")},
        check=True,
    )
    built = next((folder / "home" / "bentos" / "caretune").glob("*/bento.yaml")).parent
    shutil.copytree(built, out)
    return out


@pytest.mark.slow
def test_a_built_bento_holds_release_filters_and_service_code_alone(bento):
    """`bentoml build` works without network, and takes nothing it should not."""
    top = {path.name for path in (bento / "src").iterdir()}
    assert top == {"bentofile.yaml", "caretune", "models", "params.yaml"}
    code = {p.relative_to(bento / "src").as_posix() for p in (bento / "src/caretune").rglob("*.py")}
    assert code == {path for path in _included() if path.endswith(".py")}
    assert (bento / "src/models/release/manifest.json").is_file()
    pins = (bento / "env/python/requirements.txt").read_text()
    assert "bentoml==1.4.39" in pins
    assert "trl==" not in pins
    assert (bento / "env/docker/Dockerfile").is_file()


@pytest.mark.slow
def test_a_built_bento_serves(bento):
    """It serves from its own sources, not from this checkout's."""
    with serving(bento) as server:
        assert httpx.get(f"{server.url}/readyz", trust_env=False).status_code == 200


@pytest.mark.slow
@pytest.mark.skipif(_FRESH not in os.environ, reason=f"installs packages; set {_FRESH}=1 to run")
def test_a_built_bento_serves_in_an_environment_of_its_own_requirements(bento, tmp_path):
    """The requirements that travel in the bento are all it needs."""
    venv.create(tmp_path / "venv", with_pip=True)
    binaries = tmp_path / "venv/bin"
    requirements = bento / "env/python/requirements.txt"
    subprocess.run([binaries / "pip", "install", "--quiet", "-r", requirements], check=True)
    with serving(bento, bentoml=binaries / "bentoml") as server:
        assert httpx.get(f"{server.url}/readyz", trust_env=False).status_code == 200
        sent = {"messages": [{"role": "user", "content": "I slept badly again."}]}
        answer = httpx.post(f"{server.url}/v1/chat/completions", json=sent, trust_env=False)
        assert answer.json()["caretune"]["level"] == "rehearsal"
