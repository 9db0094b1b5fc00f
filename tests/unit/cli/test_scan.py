"""`caretune scan`: one line in, one decision out."""

import json
import os
import re
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from caretune.cli import scan
from caretune.errors import CaretuneError

_FIELDS = {
    "action", "appropriateness", "bias", "crisis", "digest", "domain", "gates", "language", "pii",
    "reasons", "redacted", "subject", "toxicity",
}  # fmt: skip

_NO_JSON = "not JSON. Write one whole JSON object on a line and scan it again."
_MEND = "Mend the field as docs/formats.md says and scan the line again."


def as_bytes(line):
    """Return a line as it comes through a pipe."""
    return line if isinstance(line, bytes) else line.encode()


@pytest.fixture
def run(bundle_folder):
    """Call the command with lines on standard input."""
    app = typer.Typer()
    app.command()(scan.scan)

    def call(*lines, path=None, options=()):
        arguments = ["--filters", str(bundle_folder), *([str(path)] if path else []), *options]
        return CliRunner().invoke(app, arguments, input=b"\n".join(map(as_bytes, lines)))

    return call


def test_one_decision_a_line(run):
    """The object has exactly the contract's fields."""
    result = run('{"text": "hello", "role": "user"}', '{"text": "I want to kill myself"}')
    first, second = [json.loads(line) for line in result.stdout.splitlines()]
    assert set(first) == _FIELDS
    assert (first["action"], second["action"]) == ("allow", "escalate")
    assert result.exit_code == 0
    assert "2 judged (allow 1, escalate 1), 0 bad lines; severity " in result.stderr
    assert re.search(r"; severity none 1, (high|imminent) 1; [\d,]+ messages/s$", result.stderr)


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
        pytest.param('{"text": ', _NO_JSON, id="cut off"),
        pytest.param("hello", _NO_JSON, id="no JSON"),
        pytest.param('{"text": "a"} {"text": "b"}', _NO_JSON, id="two objects"),
        pytest.param(
            '{"role": "user"}', f'Expected either "text" or "turns" - at `$`. {_MEND}', id="no text"
        ),
        pytest.param(
            '{"text": "a", "role": "bot"}',
            f"Invalid enum value … - at `$.role`. {_MEND}",
            id="role",
        ),
        pytest.param(
            '{"text": "a", "tone": 1}', f"Object contains unknown field …. {_MEND}", id="field"
        ),
        pytest.param(
            '{"turns": []}',
            f"Expected `array` of length >= 1 - at `$.turns`. {_MEND}",
            id="no turns",
        ),
        pytest.param(
            b'{"text": "a\xff"}', "not UTF-8. Save it as UTF-8 and scan it again.", id="no UTF-8"
        ),
    ],
)
def test_bad_lines_are_numbered_and_the_rest_goes_on(run, line, problem):
    """Exit code 3, the number and what to do on stderr, the other lines judged."""
    result = run('{"text": "hello"}', line, '{"text": "hello"}')
    assert len(result.stdout.splitlines()) == 2
    assert result.stderr.splitlines()[0] == f"line 2: {problem}"
    assert "2 judged (allow 2), 1 bad lines" in result.stderr
    assert result.exit_code == 3


def test_bad_lines_are_never_quoted(run):
    """What somebody wrote in the place of a role or a field stays out of the log."""
    result = run('{"text": "a", "role": "my secret"}', '{"my secret": 1}', '{"text": my secret}')
    assert len(re.findall(r"^line \d: ", result.stderr, flags=re.MULTILINE)) == 3
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


def test_a_lone_surrogate_is_replaced_and_counted(run):
    """Half an emoji never keeps a message from being judged."""
    result = run(rb'{"text": "half \ud83d of one"}', '{"text": "hello"}')
    assert json.loads(result.stdout.splitlines()[0])["redacted"] == "half \ufffd of one"
    assert "0 bad lines, 1 with lone surrogates replaced;" in result.stderr
    assert result.exit_code == 0


def test_each_decision_is_one_event(run, tmp_path):
    """Events are appended, in order, with the role of each line and without text or id."""
    path = tmp_path / "events.jsonl"
    lines = [
        '{"text": "zebra", "role": "assistant", "context": "b"}', '{"id": "xyz", "turns": ["zebra"]}'
    ]  # fmt: skip
    for line in (*lines, '{"text": 1}'):
        run(line, options=["--events", str(path)])
    found = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [event["role"] for event in found] == ["assistant", "conversation"]
    assert b"zebra" not in path.read_bytes()
    assert b"xyz" not in path.read_bytes()
    assert all(event["latency_ms"] > 0 for event in found)


def test_a_run_leaves_its_counters(run, tmp_path):
    """`--prometheus` writes a file, or stderr for `-`; decisions stay alone on standard output."""
    path = tmp_path / "counters.prom"
    result = run('{"text": "hello"}', '{"text": 1}', options=["--prometheus", str(path)])
    assert result.exit_code == 3
    assert 'caretune_severities_total{severity="none"} 1.0\n' in path.read_text()
    assert 'caretune_lines_total{kind="bad"} 1.0\n' in path.read_text()
    result = run('{"text": "hello"}', options=["--prometheus", "-"])
    assert 'caretune_messages_total{role="user"} 1.0\n' in result.stderr
    assert len(result.stdout.splitlines()) == 1


def test_counters_may_go_into_a_pipe(run):
    """What is no file is written to, never replaced by one."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as file:
        run('{"text": "hello"}', options=["--prometheus", f"/dev/fd/{writing}"])
        os.close(writing)
        assert b'caretune_messages_total{role="user"} 1.0\n' in file.read()


def test_files_that_cannot_be_written_are_named(run, tmp_path):
    """Events are refused before anything is judged; counters after, with the decisions out."""
    tmp_path.joinpath("file").touch()
    path = tmp_path / "file" / "out"
    result = run('{"text": "hello"}', options=["--events", str(path)])
    assert isinstance(result.exception, CaretuneError)
    assert f"{path}: events cannot be written here (" in str(result.exception)
    assert result.stdout == ""
    result = run('{"text": "hello"}', options=["--prometheus", str(path)])
    assert isinstance(result.exception, CaretuneError)
    assert f"{path}: counters cannot be written here (" in str(result.exception)
    assert len(result.stdout.splitlines()) == 1


def test_help_teaches_by_an_example(run):
    """The page shows a command to type and every exit code."""
    page = run(options=["--help"]).stdout
    assert "caretune scan messages.jsonl --events events.jsonl" in page
    assert "Exit code 0 when every line was read, 3 when some were bad" in page


@pytest.mark.slow
def test_memory_stays_flat(bundle_folder, tmp_path):
    """Ten times as many lines take no more memory: nothing of a run is kept but counters."""
    peaks = []
    for count in (500, 5000):
        path = tmp_path / f"{count}.jsonl"
        path.write_text('{"text": "I cannot sleep before exams, and it goes on."}\n' * count)
        code = (
            "import resource, sys\n"
            "from caretune.cli.main import app\n"
            "sys.argv = ['caretune', 'scan', sys.argv[1], '--filters', sys.argv[2]]\n"
            "app(standalone_mode=False)\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(path), str(bundle_folder)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert f"{count} judged" in done.stderr
        peaks.append(int(done.stderr.splitlines()[-1]))
    assert peaks[1] < 1.05 * peaks[0]
