"""Commands that prepare PagerDuty for questions: `suture pagerduty ...`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import SettingsError
from streams.settings import read_settings

if TYPE_CHECKING:
    from actions.people.pagerduty_api import PagerDutyApi
    from actions.people.pagerduty_settings import PagerDutySettings
    from actions.people.pagerduty_setup import Finding

app = typer.Typer(help="Prepare PagerDuty for questions, and see whether it is.", no_args_is_help=True)


@app.command()
def setup(
    webhook: Annotated[
        str, typer.Option(help="Address of the gateway's route, such as https://HOST/v1/webhooks/pagerduty.")
    ] = "",
    secret_file: Annotated[
        Path, typer.Option(help="Gets the webhook's secret as another line; only its owner may read it.")
    ] = Path("pagerduty-webhook-secrets"),
    show_secret: Annotated[bool, typer.Option("--show-secret", help="Print the secret as well.")] = False,
) -> None:
    """Make the custom field and, with an address, the webhook subscription; again, it changes nothing."""
    settings, api = _reached()
    from actions.people.pagerduty_setup import make_field, make_subscription

    if webhook and not webhook.startswith("https://"):
        raise SettingsError(f"--webhook is {webhook!r}, expected an address that begins with https://")
    if settings.decision_field:
        _say(make_field(api, settings))
    if not webhook:
        return
    # Opened before the subscription is made: its secret is told once.
    descriptor = _open_for_its_owner(secret_file)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:

        def keep(secret: str) -> None:
            file.write(f"{secret}\n")
            file.flush()
            os.fsync(file.fileno())
            typer.echo(f"the secret is in {secret_file}, for SUTURE_PAGERDUTY_WEBHOOK_SECRETS_FILE")
            if show_secret:
                typer.echo(secret)

        _say(make_subscription(api, settings, webhook, keep))


@app.command()
def check() -> None:
    """Say what is there and what is missing; a subscription that was turned off is turned on again.

    Exit code 1 when something is to be done.
    """
    settings, api = _reached()
    from actions.people.pagerduty_setup import look

    findings = look(api, settings)
    for finding in findings:
        _say(finding)
    if not all(finding.is_good for finding in findings):
        raise typer.Exit(1)


def _reached() -> "tuple[PagerDutySettings, PagerDutyApi]":
    settings = read_settings().pagerduty
    if not settings.asks:
        raise SettingsError("SUTURE_PAGERDUTY_TOKEN is not set, expected a REST API key of PagerDuty")
    # The client is an extra.
    try:
        from actions.people.pagerduty_api import PagerDutyApi
    except ImportError as error:
        raise SettingsError("no client of PagerDuty is installed, expected suture[people]") from error
    return settings, PagerDutyApi(settings)


def _open_for_its_owner(path: Path) -> int:
    """Return a descriptor that appends to a file which its owner alone may read.

    Raises:
        SettingsError: it cannot be written, or others may read it already.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise SettingsError(f"--secret-file names {path}: {error.strerror}") from error
    mode = os.fstat(descriptor).st_mode & 0o777
    if mode & 0o077:
        os.close(descriptor)
        raise SettingsError(f"--secret-file names {path}, which has mode {mode:o}, expected 600")
    return descriptor


def _say(finding: "Finding") -> None:
    typer.echo(f"{'ok' if finding.is_good else 'missing'}: {finding.text}")
