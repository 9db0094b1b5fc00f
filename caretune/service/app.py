"""The BentoML service: `bentoml serve .` in the project root reads bentofile.yaml and starts this.

The process always comes up. Where the release does not hold, it is not ready: /readyz is 503, the
reason stands in `GET /v1/release` and in the log, and nothing is answered.
"""

import gc
import os
import socket
import sys
from pathlib import Path
from typing import Any

import bentoml
import click
import structlog
from _bentoml_sdk import Service
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.context import server_context
from bentoml._internal.utils.analytics import usage_stats
from bentoml.exceptions import BentoMLException

from caretune.errors import CaretuneError
from caretune.params import loader
from caretune.service import release, routes, state
from caretune.service.metrics import SYSTEM_PATHS, KnownPaths

# `bentoml serve` reads the variable before it imports this module, and keeps what it read.
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
usage_stats.do_not_track.cache_clear()

web = routes.application()


class TemplatedService(Service[Any]):  # type: ignore[misc]  # bentoml has no usable types
    """A BentoML service whose app sees only the paths of its mounted app and the system's.

    A revoked release is not built: BentoML asks for the schema as it builds, and has no hook of its own.
    """

    def to_asgi(self, is_main: bool = True) -> KnownPaths:
        """Build BentoML's app and wrap it."""
        mounted = {route.path for app, _, _ in self.mount_apps for route in app.routes}
        return KnownPaths(super().to_asgi(is_main), SYSTEM_PATHS | mounted)

    def schema(self) -> dict[str, Any]:
        """Return BentoML's description of the service.

        Raises:
            BentoMLException: It is asked for by `bentoml build`, and the release is revoked.
        """
        if server_context.worker_index is None:  # a worker that serves tells it at /v1/release
            root = Path(self.working_dir)
            try:
                release.refuse_revoked(root / loader.load(root / "params.yaml").service.release)
            except CaretuneError as error:
                raise BentoMLException(str(error)) from None
        return dict(super().schema())


@bentoml.service(
    name="caretune",
    service_class=TemplatedService,
    workers=1,
    http={"host": "127.0.0.1"},
    # params.service.timeout_s decides; BentoML's own 504 would not be OpenAI-shaped.
    traffic={"timeout": 24 * 3600},
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": ".*"},
    metrics={"enabled": True},
)
@bentoml.asgi_app(web, path="/")
class Caretune:
    """Serves one release: OpenAI chat completions behind the filters, and scans."""

    def __init__(self) -> None:
        os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        )
        # BentoML starts its worker in the folder of bentofile.yaml, or of a bento's sources.
        web.state.serving = state.load(Path())
        # What is loaded stays: a full collection walks it for 230 ms, and the event loop stands.
        gc.collect()
        gc.freeze()

    async def __is_ready__(self) -> bool:
        return bool(await web.state.serving.ready())

    async def __metrics__(self, text: str) -> str:
        desk = web.state.serving.desk
        return text if desk is None else f"{text}{await desk.metrics()}"

    @bentoml.on_deployment  # type: ignore[untyped-decorator]  # bentoml has no usable types
    @staticmethod
    def refuse_busy_port() -> None:
        """End `bentoml serve` with a sentence where it cannot listen; BentoML's is a traceback."""
        context = click.get_current_context(silent=True)
        if context is None or "port" not in context.params:
            return
        host = context.params["host"] or BentoMLContainer.http.host.get()
        port = context.params["port"] or BentoMLContainer.http.port.get()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            socket.create_server((host, port), family=family).close()
        except OSError as error:
            raise BentoMLException(
                f"cannot listen on {host}:{port} ({os.strerror(error.errno or 0)}). "
                "Stop the process that does, or choose another: `bentoml serve . --port PORT`."
            ) from None
