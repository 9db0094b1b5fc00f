"""release: base, adapter, filters and verdict in one folder that proves itself."""

import shutil
from pathlib import Path
from typing import Annotated

import structlog
import typer

from caretune import records
from caretune.cli import stage
from caretune.evaluation.result import Metrics
from caretune.gate import card, evidence
from caretune.gate import verdict as verdicts
from caretune.lineage import digest, manifest
from caretune.lineage import ledger as row_ledger
from caretune.params import loader

log = structlog.get_logger()


def main(
    *,
    verdict: Path,
    evaluation: Path,
    ledger: Path,
    raw: Path,
    corpus: Path,
    split: Path,
    augmented: Path,
    labelled: Path,
    figures: Path,
    filters: Path,
    base: Path,
    adapters: Path,
    source: Annotated[list[Path], typer.Option()],
    lock: Path,
    out: Path,
    params: Path = Path("params.yaml"),
) -> None:
    """Copy what the verdict judged into OUT, with a model card and a manifest of every byte."""
    p = loader.load(params)
    judged = verdicts.read(verdict)
    adapter = adapters / p.gate.candidate / "best"
    found = evidence.subjects(
        base=base, adapter=adapter, filters=filters, split=split, evaluation=evaluation
    )
    verdicts.check_subjects(judged, found)

    half = out.with_name(f".{out.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    for name, folder in {"base": base, "adapter": adapter, "filters": filters}.items():
        shutil.copytree(folder, half / name)
    shutil.copyfile(verdict, half / manifest.VERDICT)
    record = records.read_json(base / "base.json")
    text = card.render(
        p.gate.candidate,
        record,
        judged,
        evidence.read(evaluation / "metrics.json", Metrics),
        card.count(split),
    )
    records.write_text(half / "MODEL_CARD.md", text)
    manifest.write(
        half,
        candidate=p.gate.candidate,
        sources=digest.folder_files(raw)
        | {name: s.sha256 for name, s in p.ingest.sources.items() if s.enabled},
        ledger={
            path.stem: row_ledger.summarise(row_ledger.stream(path)).root
            for path in sorted(ledger.glob("*.jsonl"))
        },
        digests={
            "split": found["split"],
            "template": record["template_sha256"],
            "params": digest.sha256_file(params),
            "source": digest.sha256_value([digest.sha256_folder(folder) for folder in source]),
            "lock": digest.sha256_file(lock),
        },
        fingerprint=judged.fingerprint,
        pipeline=digest.sha256_files(
            {
                "corpus": corpus,
                "split": split,
                "augmented": augmented,
                "labelled": labelled,
                "ledger": ledger,
                "figures": figures,
                "evaluation": evaluation,
                "verdict": verdict,
                "filters": filters,
                "base": base,
                "adapters": adapters,
                # So that one altered file of code is named, not the tree as a whole.
                **{folder.name: folder for folder in source},
            }
        ),
    )
    # Whole or not at all: nobody ever serves half a release.
    shutil.rmtree(out, ignore_errors=True)
    half.rename(out)
    manifest.verify(out)
    log.info("release", result=judged.result, digest=digest.sha256_file(out / manifest.NAME)[:12])


if __name__ == "__main__":
    stage.run(main)
