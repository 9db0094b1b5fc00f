"""A real `bentoml serve` process on a free loopback port."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx

BENTOML = Path(sys.executable).with_name("bentoml")


class Server(NamedTuple):
    """A running service: its address, and what it has logged so far."""

    url: str
    log: Path


def free_port() -> int:
    """Return a loopback port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@contextlib.contextmanager
def serving(
    folder: Path,
    *,
    bentoml: Path = BENTOML,
    python_path: Path | str | None = None,
    start_within_s: float = 90,
) -> Iterator[Server]:
    """Serve a project folder (or a built bento) until the block ends."""
    port = free_port()
    log = folder.parent / f"serve-{port}.log"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["BENTOML_HOME"] = str(folder.parent / "bentoml")
    if python_path is not None:
        environment["PYTHONPATH"] = str(python_path)
    with log.open("wb") as file:
        process = subprocess.Popen(
            [bentoml, "serve", ".", "--port", str(port)],
            cwd=folder,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_alive(url, process, log, start_within_s)
        yield Server(url, log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)


def _wait_alive(url: str, process: subprocess.Popen, log: Path, within_s: float) -> None:
    end = time.monotonic() + within_s
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/livez", trust_env=False).status_code == 200:
                return
        time.sleep(0.2)
    raise AssertionError(f"the service did not start:\n{log.read_text()}")
