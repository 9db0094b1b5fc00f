"""The README's long commands, as a new user runs them, in fresh clones. All of them are slow."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from caretune.lineage import digest
from tests.fixtures import filter_digests
from tests.house.closure import ROOT

pytestmark = pytest.mark.slow


def sh(command, folder, timeout_s=1800):
    """Run a shell command in a folder and return the finished process."""
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )


def clone(folder):
    """Clone the last commit; borrow this checkout's .venv instead of installing again."""
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


def make(target, folder, *variables):
    """Run a make target without touching the borrowed .venv."""
    return sh(f"make -o .venv/.installed {target} {' '.join(variables)}", folder)


def small(folder):
    """Merge profiles/small.yaml into a new clone and run the pipeline there."""
    merged = sh(f"{ROOT}/.venv/bin/caretune params merge profiles/small.yaml {folder}", ROOT)
    assert merged.returncode == 0, merged.stderr
    (folder / ".venv").symlink_to(ROOT / ".venv")
    # `dvc exp run` commits, and no test reads the home folder's git settings.
    sh("git config user.name test && git config user.email test@example.invalid", folder)
    done = make("repro", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="session")
def small_clone(tmp_path_factory):
    """A clone in which the small profile ran through."""
    folder = tmp_path_factory.mktemp("small") / "caretune"
    small(folder)
    return folder


def test_a_second_repro_does_nothing(small_clone):
    """Nothing changed: every stage is up to date."""
    done = make("repro", small_clone)
    assert "Data and pipelines are up to date." in done.stdout + done.stderr
    assert sh("git status --porcelain -- params.yaml", small_clone).stdout == ""


def test_a_run_names_the_same_filters_everywhere(small_clone):
    """From the labels of every row to the bytes of the release: one digest."""
    found = filter_digests.bundles(small_clone)
    assert set(found) == filter_digests.PLACES
    assert len(set.union(*found.values())) == 1
    assert len(set(filter_digests.folders(small_clone).values())) == 1


def test_two_clones_give_the_same_release(small_clone, tmp_path):
    """Equal inputs, equal bytes: the manifest, hence every file it names."""
    small(tmp_path / "other")
    manifest = "models/release/manifest.json"
    first = digest.sha256_file(small_clone / manifest)
    assert first == digest.sha256_file(tmp_path / "other" / manifest)


def test_a_plain_experiment_changes_what_it_names(small_clone):
    """`dvc exp run -S` needs nothing of ours, and its params and verdict stand in `dvc exp show`."""
    environment = f"PATH={ROOT}/.venv/bin:$PATH"
    kept = {name: (small_clone / name).read_bytes() for name in ("dvc.lock", "params.yaml")}
    done = sh(
        f"{environment} dvc exp run -n faster -S train.learning_rate=2e-3 release", small_clone
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = sh(f"{environment} dvc exp show --json", small_clone)
    assert '"learning_rate": 0.002' in shown.stdout
    for name, content in kept.items():
        (small_clone / name).write_bytes(content)
    assert sh(f"{environment} dvc checkout -q --force", small_clone).returncode == 0


def test_rolling_back_serves_the_older_release(small_clone):
    """`git checkout OLD && dvc checkout` brings the older release's bytes back."""
    environment = f"PATH={ROOT}/.venv/bin:$PATH"
    author = "git -c user.name=t -c user.email=t@localhost"
    manifest = small_clone / "models/release/manifest.json"
    older = digest.sha256_file(manifest)
    change = "sed -i 's/^  min_high_risk_items: 100/  min_high_risk_items: 101/' params.yaml"
    done = sh(
        f"{author} commit -qam older && {change} && {environment} dvc repro -q release"
        f" && {author} commit -qam newer",
        small_clone,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert digest.sha256_file(manifest) != older
    back = sh(f"git checkout -q HEAD~1 && {environment} dvc checkout -q", small_clone)
    assert back.returncode == 0, back.stdout + back.stderr
    assert digest.sha256_file(manifest) == older
    port = free_port()
    with serving(small_clone, port):
        answer = get(f"http://127.0.0.1:{port}/v1/release")
        assert answer["release"] == older


def test_a_killed_stage_is_finished_by_the_next_repro(small_clone):
    """SIGKILL in the middle of `base`: nothing half-written is taken for whole."""
    environment = {**os.environ, "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}"}
    sh(
        "rm -rf .dvc/cache/runs && sed -i 's/^    steps: 60/    steps: 61/' params.yaml",
        small_clone,
    )
    process = subprocess.Popen(
        ["dvc", "repro", "-q", "base"], cwd=small_clone, env=environment, start_new_session=True
    )
    time.sleep(8)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = make("repro", small_clone)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (small_clone / "models/base/model.safetensors").exists()


def test_make_demo_ends_in_a_served_reply(tmp_path):
    """A trained toy, one report, one scanned message, a served reply; the checkout stays as it was."""
    folder = clone(tmp_path / "caretune")
    done = make("demo", folder, f"DEMO={tmp_path / 'demo'}")
    assert done.returncode == 0, done.stdout + done.stderr
    objects = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [("crisis" in o, "choices" in o) for o in objects] == [(True, False), (False, True)]
    assert (tmp_path / "demo/reports/evaluation.html").stat().st_size > 10_000
    assert sh("git status --porcelain", folder).stdout.strip() in {"", "?? .venv"}


def test_make_repro_passes_in_a_fresh_clone(tmp_path):
    """The default params, the whole path."""
    folder = clone(tmp_path / "caretune")
    done = make("repro", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "report: reports/evaluation.html" in done.stdout


def free_port():
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def get(url, timeout_s=60):
    """Return the JSON at a URL, waiting until the server answers."""
    for _ in range(timeout_s * 2):
        try:
            with urllib.request.urlopen(url) as answer:
                return json.loads(answer.read())
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.5)
    pytest.fail(f"{url} did not answer in {timeout_s} s")


class serving:  # noqa: N801 - reads as a verb in `with`
    """A `make serve` process that ends with the block."""

    def __init__(self, folder, port):
        self.command = ["make", "-o", ".venv/.installed", "serve", f"PORT={port}"]
        self.folder = folder

    def __enter__(self):
        self.process = subprocess.Popen(self.command, cwd=self.folder, start_new_session=True)

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(timeout=30)
