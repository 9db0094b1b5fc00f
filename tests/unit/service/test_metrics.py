"""caretune.service.metrics: the paths that BentoML's metric labels may hold."""

import asyncio

import pytest

from caretune.service.metrics import UNMATCHED, KnownPaths


def _seen(scope):
    seen = []

    async def app(inner, _receive, _send):
        seen.append(inner)

    asyncio.run(KnownPaths(app, frozenset({"/v1/scan"}))(scope, None, None))
    return seen[0]


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_path_that_is_not_served_becomes_one_path(kind):
    """A thousand wrong paths make one time series, and none that a client chose."""
    found = _seen({"type": kind, "path": "/zzcanary", "raw_path": b"/zzcanary"})
    assert found == {"type": kind, "path": UNMATCHED, "raw_path": UNMATCHED.encode()}


def test_a_served_path_passes_as_it_is():
    """What is served keeps its own label."""
    scope = {"type": "http", "path": "/v1/scan", "raw_path": b"/v1/scan"}
    assert _seen(scope) is scope


def test_lifespan_passes():
    """Start and stop have no path."""
    scope = {"type": "lifespan"}
    assert _seen(scope) is scope
