"""The whole filter chain beside other tools, one core: `python -m tests.bench.bench_filters [PYTHON]`.

Texts of 100, 300, 1,000 and 4,000 characters are cut from what clients say in the shipped dialogues.
Our chain and a plain loop of `re` read the same texts in turns (A B A B), the other tools the first 50
of each size afterwards, all in process time; a row gives p50 and p99 of a message. PYTHON is an interpreter that has presidio-analyzer and better-profanity (`make
bench-filters` makes one); without it their rows are missing and the table says so.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from caretune.safety import normalise, patterns
from caretune.safety.chain import Chain

ROOT = Path(__file__).parents[2]
SIZES = (100, 300, 1000, 4000)
TEXTS = 200
ROUNDS = 3
# p50 and p99 in ms by size, and the loaded bundle's memory and load time: goals of this project.
GOALS = {300: (0.3, None), 1000: (1.0, 10.0)}
MEMORY_MB, LOAD_S = 200, 1.0


def texts() -> dict[int, list[str]]:
    """Return the texts by size, cut at spaces from all client messages in a row."""
    said = " ".join(
        message["content"]
        for line in (ROOT / "data/raw/dialogues.jsonl").read_text().splitlines()
        for message in json.loads(line)["messages"]
        if message["role"] == "user"
    )
    found: dict[int, list[str]] = {}
    for size in SIZES:
        starts = np.linspace(0, len(said) - 2 * size, TEXTS).astype(int)
        words = [said.index(" ", start) + 1 for start in starts]
        found[size] = [said[start : said.rindex(" ", start, start + size)] for start in words]
    return found


def timed(judge: Callable[[str], Any], found: list[str]) -> list[float]:
    """Return the milliseconds of each text, process time."""
    spent = []
    for text in found:
        start = time.process_time_ns()
        judge(text)
        spent.append((time.process_time_ns() - start) / 1e6)
    return spent


def pattern_loop() -> Callable[[str], Any]:
    """Return a judge that searches every pattern with Python's `re`, one after the other."""
    folder = ROOT / "caretune/safety/patterns"
    compiled = [(pattern.case_sensitive, pattern.compile()) for pattern in patterns.load(folder)]

    def judge(text: str) -> list[Any]:
        views = normalise.normalise(text)
        return [
            match
            for own, expression in compiled
            for match in expression.finditer((views.plain if own else views.folded).text)
        ]

    return judge


def rivals(python: str, found: dict[int, list[str]]) -> dict[str, dict[str, list[float]]]:
    """Return the milliseconds of the tools of another interpreter, by tool and size."""
    script = Path(__file__).with_name("rivals.py")
    given = json.dumps({str(size): many for size, many in found.items()})
    done = subprocess.run(
        [python, str(script)], input=given, capture_output=True, text=True, check=True
    )
    times: dict[str, dict[str, list[float]]] = json.loads(done.stdout)
    return times


def main() -> None:
    """Print the table."""
    found = texts()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    chain = Chain.load(ROOT / "models/filters")
    load_s = time.process_time() - start
    judges = {
        "caretune, whole chain": chain.scan_message,
        "the patterns in a loop of re": pattern_loop(),
    }
    spent: dict[str, dict[int, list[float]]] = {
        name: {size: [] for size in SIZES} for name in judges
    }
    for size in SIZES:
        for judge in judges.values():
            timed(judge, found[size][:20])
        for _ in range(ROUNDS):
            for name, judge in judges.items():
                spent[name][size] += timed(judge, found[size])
    used_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    if len(sys.argv) > 1:
        for name, by_size in rivals(sys.argv[1], found).items():
            spent[name] = {int(size): times for size, times in by_size.items()}
    else:
        print(
            "presidio-analyzer and better-profanity: no interpreter given, see `make bench-filters`"
        )
    print(
        f"{'':32}" + "".join(f"{size:>9} p50{'p99':>9}" for size in SIZES) + "   messages/s at 300"
    )
    for name, sizes in spent.items():
        row = "".join(
            f"{np.percentile(times, 50):>13.3f}{np.percentile(times, 99):>9.3f}"
            for times in sizes.values()
        )
        print(f"{name:32}{row}{1000 / np.mean(sizes[300]):>20.0f}")
    ours = spent["caretune, whole chain"]
    for size, (p50, p99) in GOALS.items():
        print(f"goal at {size}: p50 {p50} ms, measured {np.percentile(ours[size], 50):.3f}", end="")
        print(f"; p99 {p99} ms, measured {np.percentile(ours[size], 99):.3f}" if p99 else "")
    print(
        f"load: goal {LOAD_S} s, measured {load_s:.2f}; memory: goal {MEMORY_MB} MB, {used_mb:.0f}"
    )


if __name__ == "__main__":
    main()
