"""The data stages at 608,458 rows: `python -m tests.bench.bench_data [--rows N] [--others PYTHON]`.

Runs the real stages on a made set (`made_rows`) and on its first 60,000 rows, and prints wall time,
processor time, peak memory of all processes together (proportional set size) and rows a second. The
alternatives do one comparable piece of the work each: HF `datasets.map` and polars give every row
its content id, datasketch looks for near-duplicates; polars and datasketch run in the interpreter
given, which `make bench-data` sets up. Nothing else should run on the machine.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
from ruamel.yaml import YAML

from caretune.lineage import digest
from tests.bench import made_rows

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build/bench-data"
FEW = 60_000
GOALS = {
    "ingest without PII + families + split": "240 s, 2.0 GB",
    "PII pass": "720 s",
    "safety-label": "720 s",
    "no-op dvc repro": "4 s",
}


class Spent(NamedTuple):
    """What a command took."""

    wall_s: float
    cpu_s: float
    peak_gb: float


def spent(*command: str, cwd: Path = ROOT) -> Spent:
    """Run a command and measure it with all its processes."""
    before, start, peak = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter(), [0.0]
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    watching = threading.Thread(target=_watch, args=(process.pid, peak), daemon=True)
    watching.start()
    _, said = process.communicate()
    wall = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{said.decode()[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(wall, cpu, peak[0] / 1e9)


def _watch(pid: int, peak: list[float]) -> None:
    try:
        root = psutil.Process(pid)
        while root.is_running():
            family = [root, *root.children(recursive=True)]
            peak[0] = max(peak[0], sum(one.memory_full_info().pss for one in family))
            time.sleep(0.5)
    except psutil.Error:
        return


class Project(NamedTuple):
    """Files of one run of the data stages."""

    folder: Path

    def params(self, source: Path, *, redact: bool) -> None:
        """Write the project's params with the made set as its only source."""
        yaml = YAML()
        values = yaml.load(ROOT / "params.yaml")
        values["ingest"]["sources"] = {
            "made": {
                "adapter": "chat",
                "path": str(source),
                "license": "CC-BY-4.0",
                "sha256": digest.sha256_file(source),
                "enabled": True,
            }
        }
        values["ingest"]["redact"] = redact
        # Turns put together anew answer nobody; every row goes on, so that all are searched.
        values["ingest"]["quality"].update(min_coherence=0.0, min_fit=0.0)
        values["split"].update(permutations=192, band=3)  # as params.yaml says for so many rows
        self.folder.mkdir(parents=True, exist_ok=True)
        yaml.dump(values, self.folder / "params.yaml")

    def run(self, stage: str, **files: str) -> Spent:
        """Run a stage on files of this folder."""
        named = {name: str(self.folder / path) for name, path in files.items()}
        named |= {"params": str(self.folder / "params.yaml")}
        if stage in {"ingest", "safety_label"}:
            named["filters"] = "models/filters"
        if stage == "ingest":
            named["suppressed"] = "data/suppressed.jsonl"
        options = [
            part for name, path in named.items() for part in (f"--{name.replace('_', '-')}", path)
        ]
        return spent(sys.executable, "-m", f"stages.{stage}", *options)

    def ingest(self) -> Spent:
        """Run ingest."""
        return self.run(
            "ingest", out="corpus.jsonl", ledger="ledger/ingest.jsonl", metrics="ingest.json"
        )

    def split(self) -> Spent:
        """Run split: families, cut, expert set, leak proof."""
        return self.run(
            "split",
            corpus="corpus.jsonl",
            out="split",
            ledger="ledger/split.jsonl",
            leak_proof="leak_proof.json",
            metrics="split.json",
        )

    def label(self) -> Spent:
        """Run safety-label, without children."""
        (self.folder / "augmented.jsonl").write_bytes(b"")
        return self.run(
            "safety_label",
            split="split",
            augmented="augmented.jsonl",
            out="labelled",
            ledger="ledger/safety_label.jsonl",
            metrics="safety_label.json",
        )

    def found(self) -> tuple[int, int]:
        """Return the families, and the twins that are in the family of their original."""
        family: dict[str, str] = {}
        for path in sorted((self.folder / "split").glob("*.jsonl")):
            with path.open("rb") as file:
                for line in file:
                    row = json.loads(line)
                    family[row.get("conversation", row["id"])] = row["family"]
        ids = dict(_ids(self.folder / "ledger/ingest.jsonl"))
        last = made_rows.TWIN_OF
        pairs = ((ids.get(n - 1), ids.get(n)) for n in range(last, max(ids) + 1, last))
        together = sum(
            family[one] == family[two] for one, two in pairs if one in family and two in family
        )
        return len(set(family.values())), together


def _ids(ledger: Path) -> Iterator[tuple[int, str]]:
    with ledger.open("rb") as file:
        for line in file:
            edge = json.loads(line)
            if "to" in edge:
                yield int(edge["from"].rpartition(":")[2]), edge["to"]


def line(name: str, rows: int, took: Spent, goal: str = "") -> None:
    """Print one line of the table."""
    print(
        f"{name:44}{rows:>9,}{took.wall_s:>9.1f}{took.cpu_s:>9.1f}{took.peak_gb:>8.2f}"
        f"{rows / took.wall_s:>10,.0f}{rows / took.cpu_s:>12,.0f}  {goal}",
        flush=True,
    )


def main() -> None:
    """Make the set, run the stages and the alternatives, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=608_458)
    parser.add_argument("--heavy-rows", type=int, default=608_458, help="for PII and safety-label")
    parser.add_argument("--others", help="an interpreter with polars and datasketch")
    given = parser.parse_args()
    sets = {}
    for rows in dict.fromkeys((FEW, given.heavy_rows, given.rows)):
        sets[rows] = FOLDER / f"made-{rows}.jsonl"
        if not sets[rows].exists():
            made_rows.write(sets[rows], rows)
        print(
            f"{sets[rows].name}: {rows:,} rows, {sets[rows].stat().st_size / 1e9:.2f} GB",
            flush=True,
        )
    print(
        f"\n{'':44}{'rows':>9}{'wall s':>9}{'cpu s':>9}{'GB':>8}{'rows/s':>10}{'rows/cpu s':>12}  goal"
    )
    totals = {}
    for rows in dict.fromkeys((FEW, given.rows)):
        project = Project(FOLDER / f"run-{rows}")
        project.params(sets[rows], redact=False)
        ingest, split = project.ingest(), project.split()
        line("ingest without its PII pass", rows, ingest)
        line("families + split + leak proof", rows, split)
        both = Spent(*map(sum, zip(ingest[:2], split[:2], strict=True)), max(ingest[2], split[2]))
        line("both", rows, both, GOALS["ingest without PII + families + split"])
        totals[rows] = both.wall_s
        families, together = project.found()
        proof = json.loads((project.folder / "leak_proof.json").read_text())["worst"]["similarity"]
        print(
            f"  {families:,} families; twins found {together:,} of {made_rows.twins(rows):,}; worst pair {proof}"
        )
    few, many = totals[FEW] / FEW, totals[given.rows] / given.rows
    print(f"time a row, {given.rows:,} over {FEW:,} rows: {many / few:.2f} (goal 1.2)\n")
    _search(given.rows)
    _heavy(given.heavy_rows, sets[given.heavy_rows])
    _no_op(given.rows, sets[given.rows])
    _others(given.others, sets[FEW], given.rows)


def _search(rows: int) -> None:
    """Time the search for near-duplicates alone."""
    corpus = FOLDER / f"run-{rows}/corpus.jsonl"
    code = (
        "import sys; from pathlib import Path; from caretune.corpus import families; "
        "from caretune.corpus.rows import Rows; from caretune.corpus.families import Search; "
        "families.assign(Rows([Path(sys.argv[1])]), least=0.3, search=Search(192, 3, 'bench'))"
    )
    line(
        "near-duplicate search",
        rows,
        spent(sys.executable, "-c", code, str(corpus)),
        "9,000 rows/cpu s",
    )


def _heavy(rows: int, source: Path) -> None:
    """Time what reads every message with the filters."""
    project = Project(FOLDER / f"heavy-{rows}")
    project.params(source, redact=False)
    plain = project.ingest()
    project.params(source, redact=True)
    redacted = project.ingest()
    cost = Spent(redacted.wall_s - plain.wall_s, redacted.cpu_s - plain.cpu_s, redacted.peak_gb)
    line("PII pass (ingest with, less without)", rows, cost, GOALS["PII pass"])
    project.split()
    line("safety-label", rows, project.label(), GOALS["safety-label"])


def _no_op(rows: int, source: Path) -> None:
    """Time `dvc repro` where nothing changed, in a clone that has the large files."""
    clone, done = FOLDER / "clone", FOLDER / f"run-{rows}"
    subprocess.run(["rm", "-rf", clone], check=True)
    subprocess.run(["git", "clone", "--quiet", "--no-local", ROOT, clone], check=True)
    (clone / "params.yaml").write_bytes((done / "params.yaml").read_bytes())
    subprocess.run(["cp", "-r", ROOT / "models/filters", clone / "models/filters"], check=True)
    for path in ("corpus.jsonl", "split", "ledger"):
        subprocess.run(["cp", "-rT", done / path, clone / "data" / path], check=True)
    reports = clone / "reports/data"
    for name in ("ingest", "split", "leak_proof"):
        (reports / f"{name}.json").write_bytes((done / f"{name}.json").read_bytes())
    dvc = [str(Path(sys.executable).with_name("dvc"))]
    subprocess.run(
        [*dvc, "commit", "--force", "--quiet", "filters", "ingest", "split"], cwd=clone, check=True
    )
    line(
        "no-op dvc repro split",
        rows,
        spent(*dvc, "repro", "split", cwd=clone),
        GOALS["no-op dvc repro"],
    )


def _others(python: str | None, few: Path, rows: int) -> None:
    """Run the alternatives."""
    code = Path(__file__).with_name("rival_data.py")
    for name, interpreter, given in (
        ("HF datasets.map: content ids", sys.executable, FEW),
        ("polars: content ids", python, FEW),
        ("datasketch: near-duplicates", python, 20_000),
    ):
        if interpreter is None:
            print(f"{name}: not run, give --others")
            continue
        word = name.split(":")[0].split()[-1]
        line(name, given, spent(interpreter, str(code), word, str(few), str(given)))
    del rows


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
