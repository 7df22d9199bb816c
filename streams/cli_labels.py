"""Commands about labels: say what a release was, and ask what is known by what was said."""

import getpass
import json as json_module
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from schemas.errors import SettingsError
from schemas.keys import EnvironmentName, ReleaseId, ServiceName
from schemas.labels import LONGEST_WHY, LabelKind, Labelled, human_label
from schemas.observation_messages import observation_message
from schemas.topics import Topic
from streams import clock
from streams.cli_parts import connected
from streams.kafka_log import LogWriter
from streams.settings import Settings, read_settings

app = typer.Typer(name="labels", help="What releases were said to be.", no_args_is_help=True)


@app.callback()
def _labels() -> None:
    """Keep the group a group while it has one command."""


def add_commands(whole: typer.Typer) -> None:
    """Add this module's commands."""
    whole.command()(label)
    whole.add_typer(app, name="labels")


def label(
    release: Annotated[str, typer.Argument(help="The release's id or its beginning, as `suture releases`.")],
    kind: Annotated[LabelKind, typer.Argument(help="What it was; harmless: no damage worth acting on.")],
    why: Annotated[str, typer.Option(help="A reason, kept with the label.")] = "",
    by: Annotated[str, typer.Option(help="Who says so; default: the login name.")] = "",
    environment: Annotated[
        str, typer.Option(help="With --service: for a release that the journal does not know.")
    ] = "",
    service: Annotated[str, typer.Option(help="Goes with --environment.")] = "",
) -> None:
    """Say what a release was; another word of the same person takes the place of the one before."""
    if bool(environment) != bool(service):
        raise SettingsError("--environment and --service go together, expected both or none")
    if len(why) > LONGEST_WHY:
        raise SettingsError(f"--why has {len(why)} characters, expected at most {LONGEST_WHY}")
    settings = connected(read_settings())
    identity, place, name = (
        (ReleaseId(release), EnvironmentName(environment), ServiceName(service))
        if environment
        else _known(settings, release)
    )
    said = human_label(
        release=identity,
        environment=place,
        service=name,
        kind=kind,
        by=f"{by or getpass.getuser()} via cli",
        at=clock.now(),
        why=why,
    )
    with LogWriter(settings.bootstrap, settings.prefix) as writer:
        writer.send(observation_message(Topic.ENVIRONMENT_OBSERVATIONS, place, Labelled(label=said)))
        writer.flush()
    typer.echo(f"{identity} is labelled {kind} by {said.by}")


@app.command()
def report(
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="As it could be known then, in UTC."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: Annotated[Path | None, typer.Option(help="Folder of the journal; default: SUTURE_DATA.")] = None,
) -> None:
    """Tell what is known of releases, from which sources, how well they agree, and what cannot be known."""
    from datetime import UTC

    from feature_store.label_posteriors import labelling
    from feature_store.label_report import as_values
    from feature_store.label_report import report as told
    from feature_store.views import connect

    journal = read_settings().journal if data is None else data / "journal"
    with connect(journal) as connection:
        found = labelling(connection, None if as_of is None else as_of.replace(tzinfo=UTC))
    typer.echo(json_module.dumps(as_values(found), indent=2) if json else told(found), nl=json)


def _known(settings: Settings, release: str) -> tuple[ReleaseId, EnvironmentName, ServiceName]:
    """Return the one release that an id or its beginning names, with where it is of."""
    from feature_store.views import connect

    with connect(settings.journal) as connection:
        found = connection.execute(
            "SELECT release, environment, service FROM releases WHERE starts_with(release, $1) "
            "ORDER BY release = $1 DESC, release",
            [release],
        ).fetchall()
    if len(found) == 1 or (found and found[0][0] == release):
        identity, environment, service = found[0]
        return ReleaseId(identity), EnvironmentName(environment), ServiceName(service)
    if not found:
        raise SettingsError(
            f"the journal in {settings.journal} knows no release {release!r}, expected an id that "
            "`suture releases` shows, or --environment and --service with the whole id"
        )
    raise SettingsError(f"{release!r} fits {len(found)} releases, expected more of its id")
