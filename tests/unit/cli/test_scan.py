"""`caretune scan`: one line in, one decision out."""

import json

import pytest
import typer
from typer.testing import CliRunner

from caretune.cli import scan

_FIELDS = {
    "action", "appropriateness", "bias", "crisis", "digest", "domain", "gates", "language", "pii",
    "reasons", "redacted", "subject", "toxicity",
}  # fmt: skip


@pytest.fixture
def run(bundle_folder):
    """Call the command with lines on standard input."""
    app = typer.Typer()
    app.command()(scan.scan)

    def call(*lines, path=None):
        arguments = ["--filters", str(bundle_folder), *([str(path)] if path else [])]
        return CliRunner().invoke(app, arguments, input="\n".join(lines))

    return call


def test_one_decision_a_line(run):
    """The object has exactly the contract's fields."""
    result = run('{"text": "hello", "role": "user"}', '{"text": "I want to kill myself"}')
    first, second = [json.loads(line) for line in result.stdout.splitlines()]
    assert set(first) == _FIELDS
    assert (first["action"], second["action"]) == ("allow", "escalate")
    assert result.exit_code == 0
    assert "2 judged (allow 1, escalate 1), 0 bad lines" in result.stderr


def test_turns_give_one_object(run):
    """A sequence is judged as a whole, and says where risk was."""
    result = run('{"id": "a", "turns": ["The bus was late.", "I want to kill myself."]}')
    found = json.loads(result.stdout)
    assert set(found) == _FIELDS | {"turn", "id"}
    assert found["turn"] == {"first": 1, "worst": 1}
    assert found["id"] == "a"


def test_a_reply_has_its_appropriateness(run):
    """An assistant's line is judged in its context."""
    line = '{"text": "My lips are sealed.", "role": "assistant", "context": "dont tell"}'
    found = json.loads(run(line).stdout)
    assert found["appropriateness"]["violation"] == "promise_of_secrecy"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param('{"text": ', "line 2: ", id="broken JSON"),
        pytest.param('{"role": "user"}', 'line 2: Expected either "text" or "turns"', id="no text"),
        pytest.param(
            '{"text": "a", "role": "bot"}', "line 2: Invalid enum value … - at `$.role`", id="role"
        ),
        pytest.param(
            '{"text": "a", "tone": 1}', "line 2: Object contains unknown field", id="field"
        ),
        pytest.param('{"turns": []}', "line 2: ", id="no turns"),
    ],
)
def test_bad_lines_are_numbered_and_the_rest_goes_on(run, line, problem):
    """Exit code 3, the number on stderr, the other lines judged."""
    result = run('{"text": "hello"}', line, '{"text": "hello"}')
    assert len(result.stdout.splitlines()) == 2
    assert problem in result.stderr
    assert result.exit_code == 3


def test_bad_lines_are_never_quoted(run):
    """What somebody wrote in the place of a role or a field stays out of the log."""
    result = run('{"text": "a", "role": "my secret"}', '{"my secret": 1}', '{"text": my secret}')
    assert result.stderr.count("line ") == 3
    assert "secret" not in result.stderr


def test_a_missing_file_is_one_sentence(run, tmp_path):
    """No traceback where the file is not there, or is a folder."""
    for path, fault in ((tmp_path / "missing.jsonl", "does not exist"), (tmp_path, "is a")):
        result = run(path=path)
        assert result.exit_code == 2
        assert fault in result.stderr
        assert isinstance(result.exception, SystemExit)


def test_a_file_is_read_as_well(run, tmp_path):
    """A byte order mark and blank lines do no harm."""
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "hello"}\n\n')
    result = run(path=path)
    assert len(result.stdout.splitlines()) == 1
    assert result.exit_code == 0
