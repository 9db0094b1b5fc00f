"""README and docs say what is true: their commands exist, their claims are allowed."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from caretune.cli.main import app
from tests.house.closure import ROOT

PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
SOURCES = [
    path
    for pattern in ("*.md", "docs/**/*.md", "caretune/**/*.py", "stages/*.py", "notebooks/*.py")
    for path in ROOT.glob(pattern)
]
BANNED = re.compile(
    r"(HIPAA|GDPR|SOC ?2)[- ]complian"
    r"|clinically (safe|validated|proven)"
    r"|guarantees? (safety|that no)"
    r"|\b(caretune|it|we|the model|the assistant) (is|are|acts as|works as) an? (AI )?therapist",
    re.IGNORECASE,
)
QUICK = {"caretune params check", "caretune --help", "dvc dag", "dvc status --help"}


def commands(page: Path) -> list[str]:
    """Return the command lines of a page's bash blocks, without comments and continuations."""
    blocks = re.findall(r"```bash\n(.*?)```", page.read_text(), flags=re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.split("  #")[0].strip() for line in lines if line.strip() and line[0] not in "# "]


def all_commands() -> list[str]:
    """Return every command of every page, sorted, each once."""
    return sorted({command for page in PAGES for command in commands(page)})


def make_targets() -> set[str]:
    """Return the targets of the Makefile."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def caretune_commands() -> set[str]:
    """Return `command` or `group command` of everything the command line offers."""
    names = {command.name for command in app.registered_commands}
    for group in app.registered_groups:
        names |= {
            f"{group.name} {command.name or command.callback.__name__}"
            for command in group.typer_instance.registered_commands
        }
    return names


def test_readme_has_commands():
    """The first ten minutes are commands a reader can type."""
    assert len(commands(ROOT / "README.md")) >= 8


@pytest.mark.parametrize("command", [c for c in all_commands() if c.startswith("make ")])
def test_make_targets_in_documents_exist(command):
    """Every documented `make` target is in the Makefile."""
    assert shlex.split(command)[1] in make_targets()


@pytest.mark.parametrize("command", [c for c in all_commands() if c.startswith("caretune ")])
def test_caretune_commands_in_documents_exist(command):
    """Every documented `caretune` command exists."""
    words = shlex.split(command)[1:]
    known = caretune_commands()
    assert words[0] == "--help" or words[0] in known or " ".join(words[:2]) in known


@pytest.mark.parametrize("command", sorted(QUICK & set(all_commands())))
def test_short_commands_in_documents_run(command):
    """The quick documented commands exit with 0."""
    done = subprocess.run(
        shlex.split(command), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_readme_names_quick_commands():
    """At least one documented command is quick enough to run here."""
    assert QUICK & set(commands(ROOT / "README.md"))


def test_no_banned_claim():
    """Nothing says of the project what nobody has shown."""
    assert len(SOURCES) > 50
    found = {
        f"{path.relative_to(ROOT)}: {match.group(0)}"
        for path in SOURCES
        for match in BANNED.finditer(path.read_text())
    }
    assert found == set()


@pytest.mark.parametrize(
    "claim",
    ["Our service is HIPAA compliant.", "It is clinically safe.", "caretune is a therapist"],
)
def test_a_banned_claim_is_noticed(claim):
    """The guard can fail."""
    assert BANNED.search(claim)
