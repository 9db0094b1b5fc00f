"""The `report` stage: one notebook, run on the files below reports/, as a page to read."""

from pathlib import Path

import structlog

from caretune.cli import stage
from caretune.lineage import digest
from caretune.params import loader
from caretune.reports import render


def main(
    *,
    notebook: Path,
    reports: Path,
    data: Path,
    models: Path,
    out: Path,
    params: Path = Path("params.yaml"),
) -> None:
    """Write OUT.html and OUT.ipynb from a notebook; equal inputs give equal bytes."""
    loader.load(params)
    folders = {"reports": reports, "data": data, "models": models}
    render.render(notebook, out, {name: path.as_posix() for name, path in folders.items()})
    page = out.with_name(f"{out.name}.html")
    structlog.get_logger().info(
        "report", page=page.as_posix(), bytes=page.stat().st_size, sha256=digest.sha256_file(page)
    )


if __name__ == "__main__":
    stage.run(main)
