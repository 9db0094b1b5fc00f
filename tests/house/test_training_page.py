"""The training page names every knob, and what it names exists; the model page can be read."""

import ast
import importlib
import inspect
import re
import shlex
from collections.abc import Iterator

import pytest
import typer

from caretune.cli import main
from caretune.monitoring import training_alerts
from caretune.params.base import Base
from caretune.params.train import OPERATION, Train
from tests.house import test_documents as documents
from tests.house.closure import ROOT
from tests.house.test_params import leaves

PAGE = ROOT / "docs/ops/training.md"
MODEL = ROOT / "docs/model.md"
COLUMNS = 80
"""Of a terminal."""
KNOB = re.compile(r"^\| `((?:base|train)\.[\w.]+)` \| (.+?) \| (.*?) ?\|$", re.MULTILINE)
OPTION = re.compile(r"--[a-z][a-z-]*")
FAULTS = "## When something is wrong"


def sections() -> dict[str, str]:
    """Return the text below each heading of the page."""
    parts = re.split(r"^(#+ .+)$", PAGE.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def knobs(text: str) -> list[str]:
    """Return the names in the first column of the tables of knobs, as they stand there."""
    return [name for name, _, _ in KNOB.findall(text)]


def commands() -> list[list[str]]:
    """Return the words of every command that the page shows in a block or in a line."""
    quoted = re.findall(r"`([^`\n]+)`", PAGE.read_text())
    lines = [*documents.commands(PAGE), *quoted]
    tools = ("caretune ", "dvc ", "python -m stages.")
    alone = [re.sub(r"^torchrun .*?(?=-m stages)", "python ", line) for line in lines]
    parts = [part.strip() for line in alone for part in line.split("&&")]
    return sorted({tuple(shlex.split(part)) for part in parts if part.startswith(tools)})


def options(words: list[str]) -> set[str]:
    """Return the long options that a command of ours takes.

    Raises:
        KeyError: There is no such subcommand.
    """
    if words[0] == "python":
        stage = importlib.import_module(words[2])
        return {f"--{name.replace('_', '-')}" for name in inspect.signature(stage.main).parameters}
    command = typer.main.get_command(main.app)
    for word in words[1:]:
        if not hasattr(command, "commands"):
            break
        command = command.commands[word]
    return {option for param in command.params for option in param.opts}


def unknown(words: list[str]) -> set[str]:
    """Return the options of a command that it does not take."""
    return {word for word in words if OPTION.fullmatch(word)} - options(words)


def sentences() -> Iterator[str]:
    """Yield every text of the code, `…` standing for what is put into it."""
    for path in sorted([*ROOT.glob("caretune/**/*.py"), *ROOT.glob("stages/*.py")]):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                yield "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "…"
                    for part in node.values
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def faults() -> list[str]:
    """Return what the first column of the last table quotes from the code."""
    return re.findall(r"^\| `([^`]+)`[^|]*\|", sections()[FAULTS], flags=re.MULTILINE)


def quoted_wrongly(faults: list[str]) -> list[str]:
    """Return the quotations that stand in no text of the code."""
    found = set(sentences())
    return [fault for fault in faults if not any(fault.strip("… ") in text for text in found)]


@pytest.mark.parametrize(("section", "model"), [("base", Base), ("train", Train)])
def test_every_knob_is_on_the_page_once(section, model):
    """Each field of params has one row, and each row a field."""
    told = [name for name in knobs(PAGE.read_text()) if name.startswith(f"{section}.")]
    assert sorted(told) == sorted(name for name, _ in leaves(model, f"{section}."))


def test_every_knob_has_a_unit_and_a_reason():
    """A row says in what the value counts, and when to change it."""
    rows = KNOB.findall(PAGE.read_text())
    assert len(rows) > 70
    assert [name for name, unit, reason in rows if not unit.strip() or not reason.strip()] == []


def test_what_shapes_no_weight_stands_apart():
    """The third table holds the fields of OPERATION, and no other."""
    told = knobs(sections()["### `train`: how it is run"])
    assert {name.split(".")[1] for name in told} == set(OPERATION)


def test_a_missing_knob_is_noticed():
    """The guard can fail: a row that does not hold three columns is none."""
    assert knobs("| `train.steps` | steps | more |\n| train.seed | - | a |\n") == ["train.steps"]


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_options_exist(command):
    """Every option that the page shows is one that the command takes."""
    if command[0] != "dvc":
        assert unknown(command) == set()
        return
    told = {word for word in command if word.startswith("-") and "=" not in word}
    help_text = documents.run(f"dvc {command[1]} {'run' if command[1] == 'exp' else ''} --help")
    assert [word for word in sorted(told) if word not in help_text.stdout] == []


def test_an_option_that_does_not_exist_is_noticed():
    """The guard can fail, and there is something to guard."""
    assert any("--to" in command for command in commands())
    assert sum(command[0] == "python" for command in commands()) > 1
    assert unknown(["caretune", "checkpoints", "restore", "--too"]) == {"--too"}
    assert unknown(["python", "-m", "stages.train", "--adapter", "--dry"]) == {"--dry"}
    with pytest.raises(KeyError):
        options(["caretune", "checkpoint"])


def test_a_stage_is_shown_with_all_that_it_needs():
    """A line that starts a stage can be typed as it is."""
    for command in commands():
        if command[0] == "python":
            stage = importlib.import_module(command[2])
            taken = inspect.signature(stage.main).parameters.values()
            needed = {p.name for p in taken if p.default is inspect.Parameter.empty}
            assert {word[2:].replace("-", "_") for word in command if word[:2] == "--"} >= needed


def test_errors_are_quoted_as_they_are():
    """Every sentence of the table of faults stands in the code."""
    assert len(faults()) > 25
    assert quoted_wrongly(faults()) == []


def test_a_wrong_quotation_is_noticed():
    """The guard can fail, and `…` is what the code puts in."""
    wrong = "the tokenizer has no sword …"
    assert quoted_wrongly(["the tokenizer has no token …", wrong]) == [wrong]


def test_every_profile_is_on_the_page():
    """A profile that nobody describes is used by nobody."""
    profiles = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("profiles/*.yaml")}
    assert profiles
    assert profiles <= set(re.findall(r"profiles/[\w.-]+\.yaml", PAGE.read_text()))


def test_every_alert_has_its_row():
    """Each rule on a training stands in the table, with its page."""
    rules = set(training_alerts.RULES)
    told = re.findall(r"^\| (\w+) \|", sections()["## Alerts"], flags=re.MULTILINE)
    assert sorted(told[1:]) == sorted(rules)
    assert all((ROOT / f"docs/runbooks/{rule}.md").exists() for rule in rules)


def test_the_drawing_fits_a_terminal():
    """No line of the drawing of the model is broken."""
    drawing = MODEL.read_text().split("```\n")[1]
    assert "router" in drawing
    assert max(map(len, drawing.splitlines())) <= COLUMNS


def test_papers_stand_in_the_code_too():
    """A paper that the model page names is named where its formula is computed."""
    code = "".join(path.read_text() for path in ROOT.glob("caretune/**/*.py"))
    named = re.findall(r"arXiv (\d{4}\.\d{5})", MODEL.read_text())
    assert len(named) > 4
    assert [paper for paper in named if paper not in code] == []
