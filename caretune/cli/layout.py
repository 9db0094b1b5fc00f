"""Where things are: read from dvc.yaml, the only file that knows paths."""

import shlex
from pathlib import Path

from caretune.errors import ParamsError
from caretune.params import loader


def path(stage: str, option: str, root: Path = Path()) -> Path:
    """Return the path that dvc.yaml passes to a stage as `--option`.

    Raises:
        ParamsError: There is no dvc.yaml here, or it has no such stage or option.
    """
    file = root / "dvc.yaml"
    stages = loader.read_yaml(file)["stages"]
    words = shlex.split(stages[stage]["cmd"]) if stage in stages else []
    if option not in words:
        raise ParamsError(str(file), [f"stages.{stage}.cmd: no option {option}"])
    return root / words[words.index(option) + 1]
