"""A small complete project, built once and copied for each test."""

import shutil
from pathlib import Path

import pytest

from caretune.proof.project import Project
from tests.fixtures import project as fixture


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Forty rows from raw data to release; not to be altered."""
    return fixture.build(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def project(whole: Project, tmp_path: Path) -> Project:
    """The test's own copy."""
    root = whole.release.parents[1]
    shutil.copytree(root, tmp_path / "project")

    def moved(path: Path) -> Path:
        return tmp_path / "project" / path.relative_to(root)

    return whole._replace(
        release=moved(whole.release),
        raw=moved(whole.raw),
        sources=[source._replace(path=moved(source.path)) for source in whole.sources],
        pipeline={name: moved(path) for name, path in whole.pipeline.items()},
        params=moved(whole.params),
        lock=moved(whole.lock),
        code=[moved(path) for path in whole.code],
        cache=moved(whole.cache) if whole.cache else None,
    )
