"""Command `suture ci smoke`: tell of a smoke test, so that the policy's stages can count it."""

import getpass
from pathlib import Path
from typing import Annotated

import typer

from actions.quality.builds import build_of
from actions.quality.reading import read_report
from actions.quality.stages import SmokeOutcome, smoke_outcome
from schemas.names import environment_name, service_name
from schemas.observation_messages import observation_message
from schemas.smoke_tests import SmokeTested
from schemas.topics import Topic
from streams import clock
from streams.build_reports import version_name
from streams.cli_parts import connected
from streams.kafka_log import LogWriter
from streams.report_contents import contents_of
from streams.settings import read_settings

_CODES = {SmokeOutcome.PASSED: 0, SmokeOutcome.FAILED: 1, SmokeOutcome.UNKNOWN: 2}


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(smoke)


def smoke(
    files: Annotated[list[Path], typer.Argument(help="JUnit results of the smoke test.")],
    service: Annotated[str, typer.Option(help="service.name of the release.")],
    version: Annotated[str, typer.Option(help="service.version of the release.")],
    environment: Annotated[str, typer.Option(help="deployment.environment.name.")],
    by: Annotated[str, typer.Option(help="Which pipeline tested; default: the login name.")] = "",
) -> None:
    """Tell of a release's smoke test. Exit codes: 0 passed, 1 failed, 2 no test ran or not understood."""
    settings = connected(read_settings())
    outcome = smoke_outcome(build_of(read_report(contents_of(file), file.name) for file in files))
    if outcome is SmokeOutcome.UNKNOWN:
        typer.echo("no test ran in these reports: nothing was told", err=True)
        raise typer.Exit(_CODES[outcome])
    body = SmokeTested(
        environment=environment_name(environment),
        service=service_name(service),
        version=version_name(version),
        has_passed=outcome is SmokeOutcome.PASSED,
        by=by.strip()[:200] or getpass.getuser(),
        at=clock.now(),
    )
    with LogWriter(settings.bootstrap, settings.prefix) as writer:
        writer.send(observation_message(Topic.ENVIRONMENT_OBSERVATIONS, body.environment, body))
        writer.flush()
    typer.echo(f"smoke test of {service} {version} in {environment}: {outcome}")
    raise typer.Exit(_CODES[outcome])
