"""The adapter of anybody's own data."""

import json

from caretune.corpus.sources import chat

TURNS = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


def read(tmp_path, *lines):
    """Read lines of text as a chat file."""
    path = tmp_path / "chat.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return list(chat.read(path))


def test_messages_alone_are_enough(tmp_path):
    """A line needs nothing but messages; other fields are ignored."""
    ((_, row),) = read(tmp_path, json.dumps({"messages": TURNS, "rating": 5}))
    assert [message.content for message in row.messages] == ["Hi", "Hello"]
    assert row.domain is None


def test_domain_and_category_are_kept(tmp_path):
    """A line may name its domain and category."""
    ((_, row),) = read(
        tmp_path, json.dumps({"messages": TURNS, "domain": "crisis_safety", "category": "grief"})
    )
    assert (row.domain, row.category) == ("crisis_safety", "grief")


def test_bad_lines_keep_their_numbers_and_the_rest_goes_on(tmp_path):
    """A broken line and a wrong type leave by name; the good line after them is read."""
    good = json.dumps({"messages": TURNS})
    rows = read(tmp_path, '{"messages": [', '{"messages": "none"}', good)
    assert [(line, getattr(row, "exit", "")) for line, row in rows] == [
        (1, "bad_json"),
        (2, "bad_field"),
        (3, ""),
    ]
