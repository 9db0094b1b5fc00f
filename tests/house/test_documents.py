"""README and docs say what is true: their commands exist, their claims are allowed."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.house.closure import ROOT

PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
SOURCES = [
    path
    for pattern in ("*.md", "docs/**/*.md", "caretune/**/*.py", "stages/*.py", "notebooks/*.py")
    for path in ROOT.glob(pattern)
]
SETTINGS = ("params.yaml", "dvc.yaml", "pyproject.toml", "bentofile.yaml", "Makefile")
BANNED = re.compile(
    r"(HIPAA|GDPR|SOC ?2)[- ]complian"
    r"|clinically (safe|validated|proven)"
    r"|guarantees? (safety|that no)"
    r"|\b(caretune|it|we|the model|the assistant) (is|are|acts as|works as) an? (AI )?therapist",
    re.IGNORECASE,
)
TOOLS = re.compile(r"(?:dvc|bentoml|caretune)(?: [a-z][a-z-]*(?![\w./=-])){1,2}")


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


def tool_commands() -> list[str]:
    """Return the `dvc X`, `bentoml X` and `caretune X [Y]` that pages name in code, each once."""
    text = "\n".join(page.read_text() for page in PAGES)
    quoted = re.findall(r"`([^`\n]+)`", text)
    parts = [part for line in (*all_commands(), *quoted) for part in line.split("&&")]
    return sorted({found.group() for part in parts if (found := TOOLS.match(part.strip()))})


def test_readme_has_commands():
    """The first ten minutes are commands a reader can type."""
    assert len(commands(ROOT / "README.md")) >= 8


@pytest.mark.parametrize("command", [c for c in all_commands() if c.startswith("make ")])
def test_make_targets_in_documents_exist(command):
    """Every documented `make` target is in the Makefile."""
    assert shlex.split(command)[1] in make_targets()


@pytest.mark.parametrize("command", tool_commands())
def test_subcommands_in_documents_exist(command):
    """Every documented subcommand of dvc, bentoml and caretune can say what it does."""
    done = run(f"{command} --help")
    assert done.returncode == 0, done.stderr


def test_a_subcommand_that_does_not_exist_is_noticed():
    """The guard can fail, and there is something to guard."""
    assert {"dvc repro", "caretune params check"} <= set(tool_commands())
    assert run("dvc reproduce --help").returncode != 0


def run(command):
    """Run a command from the root and return the finished process."""
    return subprocess.run(
        shlex.split(command), cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_holds_a_placeholder(page):
    """Figures are filled in before a page is kept."""
    assert "@@" not in page.read_text()


def test_pages_that_are_named_exist():
    """Every docs/*.md that a page, a docstring or a setting names is there."""
    named = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in (*SOURCES, *map(ROOT.joinpath, SETTINGS))
        for name in re.findall(r"\bdocs/[\w./-]+\.md\b", path.read_text())
    }
    assert named
    assert [(where, name) for where, name in sorted(named) if not (ROOT / name).exists()] == []


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
