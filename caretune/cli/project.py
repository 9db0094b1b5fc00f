"""The project that `trace` and `verify` look at: dvc.yaml's paths and the settings of params."""

from pathlib import Path

from caretune.cli import layout
from caretune.corpus.source import Source
from caretune.params.loader import Params
from caretune.proof import history
from caretune.proof.project import Cut, Project

_PIPELINE = (
    "corpus", "split", "augmented", "labelled", "ledger", "figures", "evaluation", "verdict",
    "filters", "base", "adapters",
)  # fmt: skip
"""Options of the release stage whose files its manifest records."""


def read(params: Params, params_file: Path, root: Path = Path()) -> Project:
    """Return where the files of the pipeline and of its release lie."""
    cache = history.cache_of(root).folder
    return Project(
        release=layout.path("release", "--out", root),
        raw=layout.path("release", "--raw", root),
        sources=sources(params, root),
        pipeline={name: layout.path("release", f"--{name}", root) for name in _PIPELINE},
        params=root / params_file,
        lock=layout.path("release", "--lock", root),
        code=layout.paths("release", "--source", root),
        cut=Cut(params.split.seed, params.split.train_rate, params.split.validation_rate),
        cache=cache if cache.is_dir() else None,
    )


def sources(params: Params, root: Path = Path()) -> list[Source]:
    """Return the data sources that are switched on, by name."""
    return [
        Source(
            name=name,
            adapter=source.adapter,
            path=root / source.path,
            license=source.license,
            sha256=source.sha256,
            url=source.url,
            domains=source.domains,
            default_domain=source.default_domain,
        )
        for name, source in sorted(params.ingest.sources.items())
        if source.enabled
    ]
