"""`caretune params`: check params.yaml, and merge a profile into a clone of the project."""

import subprocess
from collections.abc import Mapping, MutableMapping
from io import StringIO
from pathlib import Path
from typing import Annotated, Any

import typer
from ruamel.yaml import YAML

from caretune.errors import ParamsError
from caretune.params import loader

app = typer.Typer(help="Check params.yaml, or merge a profile into a clone.", no_args_is_help=True)

_AUTHOR = ("-c", "user.name=caretune", "-c", "user.email=caretune@localhost")


@app.command()
def check(
    path: Annotated[Path, typer.Argument(help="The file to check.")] = Path("params.yaml"),
) -> None:
    """Check every section; print all faults at once (exit code 2) or how many sections are good."""
    sections = len(type(loader.load(path)).model_fields)
    typer.echo(f"{path}: {sections} sections, no fault")


@app.command()
def merge(
    profile: Annotated[Path, typer.Argument(help="Overlay, such as profiles/small.yaml.")],
    folder: Annotated[Path, typer.Argument(help="New folder for the clone; must not exist.")],
) -> None:
    """Clone the last commit into FOLDER, merge PROFILE into its params.yaml, commit it there.

    DVC then hashes every value of the profile, and this checkout (its params.yaml, dvc.lock and
    files) stays as it is. Changes that are not committed do not come along.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ParamsError(str(folder), ["the folder is not empty; name a new one"])
    overlay = loader.read_yaml(profile) or {}
    _git("clone", "--quiet", "--no-local", ".", str(folder))
    path = folder / "params.yaml"
    path.write_text(merged(path, overlay), encoding="utf-8")
    loader.check(profile, loader.read_yaml(path))
    _git(*_AUTHOR, "-C", str(folder), "commit", "--quiet", "--allow-empty", "-am", f"Use {profile}")
    typer.echo(f"{folder}: ready, run `dvc repro` there")


def merged(path: Path, overlay: Mapping[str, Any]) -> str:
    """Return the YAML text of a params file with an overlay merged in; comments stay."""
    yaml = YAML()
    yaml.width = 4096
    values = yaml.load(path)
    _overlay(values, overlay)
    text = StringIO()
    yaml.dump(values, text)
    return text.getvalue()


def _overlay(values: MutableMapping[str, Any], overlay: Mapping[str, Any]) -> None:
    for key, value in overlay.items():
        if isinstance(value, Mapping) and isinstance(values.get(key), MutableMapping):
            _overlay(values[key], value)
        else:
            values[key] = value


def _git(*arguments: str) -> None:
    result = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        reason = result.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise ParamsError("params merge", [f"git {arguments[0]}: {reason[0]}"])
