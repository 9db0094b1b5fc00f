"""Keeps BentoML's metric labels few: its endpoint label is the raw path of the request.

BentoML's metric middleware stands outside every middleware a service can add, so each 404 would
make a new time series. The whole app is wrapped instead: a path that is not served becomes one.
BentoML's own page at / falls under this; it would show nothing of a mounted app.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

UNMATCHED = "/unmatched"
SYSTEM_PATHS = frozenset({"/livez", "/readyz", "/healthz", "/metrics"})


class KnownPaths:
    """ASGI app that serves every path outside `paths` as `/unmatched`, which is a 404."""

    def __init__(self, app: ASGIApp, paths: frozenset[str]) -> None:
        self.app = app
        self.paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, under a path of the fixed set."""
        if scope["type"] in {"http", "websocket"} and scope["path"] not in self.paths:
            scope = {**scope, "path": UNMATCHED, "raw_path": UNMATCHED.encode()}
        await self.app(scope, receive, send)
