"""The command that shows what Suture does."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from schemas.errors import SettingsError
from streams.demo.fault import Fault
from streams.settings import read_settings


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(demo)


def demo(
    fault: Annotated[Fault, typer.Option(help="What is wrong with the second release.")] = Fault.ERRORS,
    seconds: Annotated[
        float,
        typer.Option(
            "--seconds-per-phase",
            min=15.0,
            max=300.0,
            help="Length of the baseline; the rest follows from it.",
        ),
    ] = 26.0,
    rate: Annotated[float, typer.Option(min=10.0, max=200.0, help="Requests per second.")] = 80.0,
    keep: Annotated[Path | None, typer.Option(help="Keep journal and logs in this folder.")] = None,
    live: Annotated[
        bool, typer.Option("--live/--no-live", help="A changing picture, or plain lines.")
    ] = True,
    kubernetes: Annotated[
        bool, typer.Option("--kubernetes", help="With real pods on a local cluster.")
    ] = False,
) -> None:
    """Release a good version and a bad one of a small service, for real, and watch; two minutes."""
    from streams.demo.session import Options

    _require("opentelemetry.exporter.otlp.proto.http", "demo")
    options = Options(fault=fault, seconds=seconds, rate=rate, keep=keep, live=live)
    if kubernetes:
        _require("kubernetes", "kubernetes")
        from streams.demo.cluster_run import run_cluster_demo

        raise typer.Exit(run_cluster_demo(read_settings(), options))
    from streams.demo.run import run_demo

    raise typer.Exit(run_demo(read_settings(), options))


def _require(module: str, extra: str) -> None:
    """Refuse to begin what would fail in the middle.

    Raises:
        SettingsError: a package is not installed.
    """
    try:
        is_there = find_spec(module) is not None
    except ModuleNotFoundError:
        is_there = False
    if not is_there:
        raise SettingsError(f"{module} is not installed, expected it by: pip install 'suture[{extra}]'")
