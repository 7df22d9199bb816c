"""`suture ci wait`: a pipeline waits for what Suture holds of the release that it deployed."""

import json as json_text
import time
from datetime import timedelta
from typing import Annotated

import typer

from schemas.codec import from_python, to_json
from schemas.durations import PositiveDuration
from schemas.errors import SchemaError, SettingsError
from schemas.names import environment_name, service_name
from streams.build_reports import version_name
from streams.ci_waiting import NoAnswerError, exit_code, wait_for_verdict
from streams.release_verdicts import ReleaseVerdict
from streams.settings import read_settings


def add_commands(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(wait)


def wait(
    service: Annotated[str, typer.Option(help="service.name, as its telemetry says it.")],
    version: Annotated[str, typer.Option(help="service.version that was deployed.")],
    environment: Annotated[str, typer.Option(help="deployment.environment.name.")],
    template: Annotated[str, typer.Option(help="Hash of the pod template that was deployed.")] = "",
    release: Annotated[str, typer.Option(help="Id that `suture ci deploy` printed.")] = "",
    gateway: Annotated[str, typer.Option(help="Its address; default: SUTURE_GATEWAY.")] = "",
    timeout: Annotated[str, typer.Option(help="How long to wait, such as 90s, 30m or 1h30m.")] = "30m",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Wait for the verdict about a release, and end as it says. Harm is told at once, health at the end.

    Exit codes: 0 healthy, 1 harmful, 3 not enough evidence or no data, 4 the instrument is broken,
    5 nobody answered in time or no such deploy is known; 2 means not understood.
    """
    # Imported here: no other command needs an HTTP client.
    from streams.verdict_client import VerdictClient

    place, name, of = environment_name(environment), service_name(service), version_name(version)
    at_most = _duration(timeout)
    address = gateway or read_settings().gateway
    with VerdictClient(address, place, name, of, template, release) as client:
        answer = wait_for_verdict(client.ask, at_most, monotonic=time.monotonic, sleep=time.sleep, tell=_tell)
    code = exit_code(answer)
    if json:
        held = None if answer is None else json_text.loads(to_json(answer))
        typer.echo(json_text.dumps({"exit_code": code, "answer": held}, indent=2))
    elif answer is None:
        typer.echo(f"{name} {of} in {place}: nobody answered within {timeout}")
    else:
        typer.echo(_sentence(answer))
    raise typer.Exit(code)


def _tell(heard: ReleaseVerdict | NoAnswerError) -> None:
    """Say on standard error how it stands."""
    typer.echo(f"... {heard if isinstance(heard, NoAnswerError) else _sentence(heard)}", err=True)


def _sentence(answer: ReleaseVerdict) -> str:
    so_far = "" if answer.is_settled else " so far"
    why = "; ".join(answer.reasons)
    return f"{answer.service} {answer.version} in {answer.environment}: {answer.verdict.value}{so_far}: {why}"


def _duration(text: str) -> timedelta:
    try:
        length: timedelta = from_python(PositiveDuration, text)
    except SchemaError as error:
        raise SettingsError(f"--timeout is {text!r}, expected a time such as 90s, 30m or 1h30m") from error
    return length
