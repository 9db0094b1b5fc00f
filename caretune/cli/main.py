"""The `caretune` command: what the plain tools (`dvc`, `bentoml`) do not do themselves."""

import typer

from caretune.cli import (
    adapter,
    checkpoints,
    cost,
    data,
    expert,
    export,
    forget,
    gate,
    monitor,
    params,
    plan,
    scan,
    sweep,
    trace,
    verify,
)
from caretune.cli.stage import configure_log, guard

app = typer.Typer(
    help="From versioned therapeutic dialogue to a model that is served only with evidence.\n\n"
    "The pipeline runs by `dvc repro`, the service by `bentoml serve .`; these commands check "
    "and explain what they made.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(params.app, name="params")
app.command("scan")(scan.scan)
app.command("monitor")(monitor.monitor)
app.command("gate")(gate.gate)
app.add_typer(data.app, name="data")
app.add_typer(expert.app, name="expert")
app.command("plan")(plan.plan)
app.command("cost")(cost.cost)
app.add_typer(checkpoints.app, name="checkpoints")
app.add_typer(adapter.app, name="adapter")
app.add_typer(sweep.app, name="sweep")
app.command("export")(export.export)
app.command("trace")(trace.trace)
app.command("verify")(verify.verify)
app.command("forget")(forget.forget)
app.command("revoked")(forget.revoked)


def run() -> None:
    """Run the command line; a known error is one sentence on stderr and exit code 2."""
    configure_log()
    guard(app)
