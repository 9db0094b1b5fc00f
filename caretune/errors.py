"""Every error caretune raises on purpose, sorted by whose fault it is.

CaretuneError
├── RecordError     a row of data is not what its file promises
├── SourceError     a data source is missing, or has other bytes than params name
├── ParamsError     params.yaml holds an unknown key or a wrong value (all faults at once)
├── LineageError    bytes, counts or hashes do not match what was recorded
├── FilterError     the filter bundle is missing, altered or does not do what it did when built
├── ModelError      a base model or adapter cannot be used here
├── StoppedError    a training reached its window or budget; it goes on when it is run again
├── GateError       the gate has no evidence to judge, or a verdict does not hold
└── ServiceError    the service cannot start or answer

A stage or command prints one of these as a sentence and exits with its code; a traceback means our bug.
The message never holds a person's text: record id, file, line and field only.
"""


class CaretuneError(Exception):
    """A fault that the user can mend; its message says what, where and what to do."""

    exit_code = 2
    """Of a stage or command that ends with it."""


class RecordError(CaretuneError):
    """One row of a data file cannot be read.

    Args:
        path: The file, as the user named it.
        line: Line number, from 1.
        problem: What is wrong, ending in the path to the field.
    """

    def __init__(self, path: str, line: int, problem: str) -> None:
        self.path = path
        self.line = line
        self.problem = problem
        super().__init__(
            f"{path} line {line}: {problem}. Fix the record or remove the line, then run again."
        )

    def __reduce__(self) -> tuple[type["RecordError"], tuple[str, int, str]]:
        """Keep file, line and problem on the way out of a worker process."""
        return type(self), (self.path, self.line, self.problem)


class SourceError(CaretuneError):
    """A data source named in params is missing or has other bytes."""


class ParamsError(CaretuneError):
    """params.yaml is not usable; the message lists every fault.

    Args:
        path: The params file, as the user named it.
        faults: One `section.key: problem` a line.
    """

    def __init__(self, path: str, faults: list[str]) -> None:
        self.path = path
        self.faults = faults
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        listed = "\n".join(f"  {fault}" for fault in faults)
        super().__init__(f"{path} has {count}, nothing was computed:\n{listed}")

    def __reduce__(self) -> tuple[type["ParamsError"], tuple[str, list[str]]]:
        """Keep path and faults on the way out of a worker process."""
        return type(self), (self.path, self.faults)


class LineageError(CaretuneError):
    """Counts or hashes do not match what was recorded."""


class FilterError(CaretuneError):
    """The filter bundle cannot be trusted."""


class ModelError(CaretuneError):
    """A base model or adapter cannot be used."""


class StoppedError(CaretuneError):
    """A training stopped at a limit that params set, and kept all that it needs to go on."""

    exit_code = 75
    """EX_TEMPFAIL of sysexits.h: nothing is wrong, run it again."""


class GateError(CaretuneError):
    """The gate cannot judge, or a verdict does not hold."""


class ServiceError(CaretuneError):
    """The service cannot start or answer."""
