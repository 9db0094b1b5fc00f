"""The tiny release of tests/service, for the rooms that load one."""

from tests.service.conftest import own_project, project

__all__ = ["own_project", "project"]
