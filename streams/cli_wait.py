"""`suture ci wait`: a pipeline waits for what Suture holds of the release that it deployed."""

import json as json_text
import time
from datetime import timedelta
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from schemas.codec import from_python, to_json
from schemas.durations import PositiveDuration
from schemas.errors import SchemaError, SettingsError, SutureError
from schemas.names import environment_name, service_name
from streams.build_reports import version_name
from streams.ci_waiting import NOT_UNDERSTOOD, NoAnswerError, WhenHeld, exit_code, wait_for_verdict
from streams.release_verdicts import ReleaseVerdict
from streams.settings import read_settings

# What cannot be parsed, whichever option it is about; typer names only its best known kind.
_UsageError: Any = typer.BadParameter.__mro__[1]


class _Question(TyperCommand):
    """A command whose exit code says 64 for what was not understood: 2 means something else here."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the arguments."""
        try:
            return super().make_context(*args, **kwargs)
        except _UsageError as error:
            error.exit_code = NOT_UNDERSTOOD
            raise


def add_commands(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command(cls=_Question)(wait)


def wait(
    service: Annotated[str, typer.Option(help="service.name, as its telemetry says it.")],
    version: Annotated[str, typer.Option(help="service.version that was deployed.")],
    environment: Annotated[str, typer.Option(help="deployment.environment.name.")],
    template: Annotated[str, typer.Option(help="Hash of the pod template that was deployed.")] = "",
    release: Annotated[str, typer.Option(help="Id that `suture ci deploy` printed.")] = "",
    gateway: Annotated[str, typer.Option(help="Its address; default: SUTURE_GATEWAY.")] = "",
    timeout: Annotated[str, typer.Option(help="How long to wait, such as 90s, 30m or 1h30m.")] = "30m",
    held: Annotated[
        WhenHeld, typer.Option(help="When a human is asked: wait for the answer, or exit with 2 at once.")
    ] = WhenHeld.WAIT,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Wait for the verdict about a release, and end as it says. Harm is told at once, health at the end.

    Exit codes: 0 healthy, 1 harmful, 2 a human is asked and has not agreed, 3 not enough evidence or no data,
    4 the instrument is broken, 5 nobody answered in time or no such deploy is known; 64 means not understood.
    """
    try:
        code, answer = _asked(service, version, environment, template, release, gateway, timeout, held)
    except SutureError as error:
        typer.echo(f"suture: {error}", err=True)
        raise typer.Exit(NOT_UNDERSTOOD) from error
    if json:
        found = None if answer is None else json_text.loads(to_json(answer))
        typer.echo(json_text.dumps({"exit_code": code, "answer": found}, indent=2))
    elif answer is None:
        typer.echo(f"{service} {version} in {environment}: nobody answered within {timeout}")
    else:
        typer.echo(_sentence(answer))
    raise typer.Exit(code)


def _asked(
    service: str,
    version: str,
    environment: str,
    template: str,
    release: str,
    gateway: str,
    timeout: str,
    held: WhenHeld,
) -> tuple[int, ReleaseVerdict | None]:
    """Return the exit code, and the answer behind it."""
    # Imported here: no other command needs an HTTP client.
    from streams.verdict_client import VerdictClient

    place, name, of = environment_name(environment), service_name(service), version_name(version)
    at_most = _duration(timeout)
    settings = read_settings()
    with VerdictClient(
        gateway or settings.gateway,
        place,
        name,
        of,
        template,
        release,
        until_asked=held is WhenHeld.EXIT,
        token=settings.access.token,
    ) as client:
        answer = wait_for_verdict(
            client.ask, at_most, when_held=held, monotonic=time.monotonic, sleep=time.sleep, tell=_tell
        )
    return exit_code(answer, held), answer


def _tell(heard: ReleaseVerdict | NoAnswerError) -> None:
    """Say on standard error how it stands."""
    typer.echo(f"... {heard if isinstance(heard, NoAnswerError) else _sentence(heard)}", err=True)


def _sentence(answer: ReleaseVerdict) -> str:
    so_far = "" if answer.is_settled else " so far"
    why = "; ".join(answer.reasons)
    told = f"{answer.service} {answer.version} in {answer.environment}: {answer.verdict.value}{so_far}: {why}"
    for hold in answer.holds:
        until = "" if hold.expires_at is None else f" until {hold.expires_at:%Y-%m-%d %H:%M:%S} UTC"
        told += f"; a human is asked{until} ({hold.guard.value}): {hold.reason} [hold {hold.id}]"
    if answer.refusal and not answer.holds:
        told += f"; a human did not agree: {answer.refusal}"
    return told


def _duration(text: str) -> timedelta:
    try:
        length: timedelta = from_python(PositiveDuration, text)
    except SchemaError as error:
        raise SettingsError(f"--timeout is {text!r}, expected a time such as 90s, 30m or 1h30m") from error
    return length
