"""Lines that several runs add to one file."""

from caretune.lineage import journal


def test_a_torn_line_is_ended_before_the_next(tmp_path):
    """The new line stands by itself; the folder is made where there is none."""
    path = tmp_path / "deep/lines.jsonl"
    journal.append(path, {"b": 1, "a": 2})
    with path.open("ab") as file:
        file.write(b'{"a":')
    journal.append(path, {"a": 3})
    assert path.read_text().splitlines() == ['{"a":2,"b":1}', '{"a":', '{"a":3}']
