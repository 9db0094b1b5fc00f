"""The one way into params.yaml: every section is checked, all faults come at once.

YAML 1.2 (ruamel.yaml), as DVC reads it: `3e-4` is a number here and there.
"""

from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from caretune.errors import ParamsError
from caretune.params import section
from caretune.params.augment import Augment
from caretune.params.base import Base
from caretune.params.evaluate import Evaluate
from caretune.params.filters import Filters
from caretune.params.gate import Gate
from caretune.params.ingest import Ingest
from caretune.params.monitoring import Monitoring
from caretune.params.safety_label import SafetyLabel
from caretune.params.service import Service
from caretune.params.split import Split
from caretune.params.sweep import Sweep
from caretune.params.train import Train


class Params(section.Section):
    """All of params.yaml; one field per section."""

    filters: Filters
    ingest: Ingest
    split: Split
    augment: Augment
    safety_label: SafetyLabel
    base: Base
    train: Train
    evaluate: Evaluate
    gate: Gate
    service: Service
    monitoring: Monitoring
    sweep: Sweep

    @model_validator(mode="after")
    def _fits_the_rehearsal_base(self) -> Self:
        if self.base.source != "rehearsal":
            return self
        context = self.base.rehearsal.context
        bound = f"base.rehearsal.context {context}"
        longest, evaluated = self.train.max_length, self.evaluate.max_new_tokens
        served = self.service.max_new_tokens
        section.check(
            (longest <= context, "train.max_length", f"at most {bound}", longest),
            (evaluated < context, "evaluate.max_new_tokens", f"less than {bound}", evaluated),
            (served < context, "service.max_new_tokens", f"less than {bound}", served),
        )
        return self


def load(path: Path) -> Params:
    """Read and check every section of a params file.

    Raises:
        ParamsError: The file is missing, not YAML, or has unknown keys or wrong values; lists all.
    """
    return check(path, read_yaml(path))


def check(path: Path, values: Any) -> Params:
    """Check plain values as params; `path` only names them in the error.

    Raises:
        ParamsError: Lists every fault as `section.key: problem`.
    """
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        faults = [sentence for fault in error.errors() for sentence in _sentences(fault)]
        raise ParamsError(str(path), faults) from None


def read_yaml(path: Path) -> Any:
    """Read a YAML 1.2 file into plain values.

    Raises:
        ParamsError: The file is missing or not YAML.
    """
    try:
        return YAML(typ="safe", pure=True).load(path)
    except FileNotFoundError:
        raise ParamsError(str(path), ["no such file; run from the project root"]) from None
    except YAMLError as error:
        raise ParamsError(str(path), [" ".join(str(error).split())]) from None


def _sentences(fault: Any) -> list[str]:
    where, problem = ".".join(map(str, fault["loc"])), fault["msg"]
    match fault["type"]:
        case "value_error":  # of `section.check`: each argument begins with its key
            prefix = f"{where}." if where else ""
            return [f"{prefix}{words}" for words in fault["ctx"]["error"].args]
        case "extra_forbidden":
            problem = "unknown key; check its spelling or remove it"
        case "missing":
            problem = "missing; the default stands in the project's params.yaml"
        case _:
            problem = f"{problem[0].lower()}{problem[1:]}, got {fault['input']!r}"
    return [f"{where or '(top level)'}: {problem}"]
