"""A large set of dialogues for the benchmark, the same bytes each time: `write(path, rows)`.

Sentences of the authored dialogues and notes are put together anew, a client's with a client's, into
exchanges that nobody wrote: recombined turns and no copies. One row in a hundred is a twin of the row
before, a tenth of its words changed, so that a search shows what it finds.
"""

import json
import random
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TWIN_OF = 100
"""Every so manieth row is a twin of the one before it."""
CHANGED_RATE = 0.1
EXCHANGES = 4
SENTENCES = (2, 3, 3)
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_WORDS = range(5, 40)


def write(path: Path, rows: int) -> None:
    """Write so many rows as JSONL with `messages`, about 1.6 KB each."""
    said = _sentences()
    words = sorted({word for text in said["user"] for word in text.split()})
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".half")
    turns: list[dict[str, str]] = []
    with half.open("w", encoding="utf-8") as file:
        for number in range(rows):
            draws = random.Random(number)
            twin = number % TWIN_OF == TWIN_OF - 1
            turns = _changed(turns, words, draws) if twin else _dialogue(said, draws)
            file.write(json.dumps({"messages": turns}, ensure_ascii=False) + "\n")
    half.rename(path)


def twins(rows: int) -> int:
    """Return how many twins are among so many rows."""
    return rows // TWIN_OF


def _sentences() -> dict[str, list[str]]:
    """Return the sentences of each side, sorted, each once."""
    found: dict[str, set[str]] = {"user": set(), "assistant": set()}
    for line in (ROOT / "data/raw/dialogues.jsonl").read_text(encoding="utf-8").splitlines():
        for message in json.loads(line)["messages"]:
            found[message["role"]].update(_SENTENCE.split(message["content"]))
    for line in (ROOT / "data/raw/concepts.jsonl").read_text(encoding="utf-8").splitlines():
        note = json.loads(line)
        found["user"].update(_SENTENCE.split(note["question"]))
        found["assistant"].update(_SENTENCE.split(note["answer"]))
    return {
        role: sorted(text for text in texts if len(text.split()) in _WORDS)
        for role, texts in found.items()
    }


def _dialogue(said: dict[str, list[str]], draws: random.Random) -> list[dict[str, str]]:
    return [
        {
            "role": role,
            "content": " ".join(draws.choices(said[role], k=draws.choice(SENTENCES))),
        }
        for _ in range(EXCHANGES)
        for role in ("user", "assistant")
    ]


def _changed(
    turns: list[dict[str, str]], words: list[str], draws: random.Random
) -> list[dict[str, str]]:
    return [
        {
            "role": turn["role"],
            "content": " ".join(
                draws.choice(words) if draws.random() < CHANGED_RATE else word
                for word in turn["content"].split()
            ),
        }
        for turn in turns
    ]
