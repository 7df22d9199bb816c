"""Commands for pipelines: `suture ci ...`."""

import time
from typing import Annotated

import typer

from schemas.cdevents import LONGEST_REASON
from schemas.cloudevents import read_instant, write_record
from schemas.envelopes import Message
from schemas.errors import SettingsError
from schemas.keys import service_key
from schemas.names import environment_name, service_name
from schemas.observation_messages import observation_message
from schemas.observations import OneWaySeen
from schemas.releases import TargetKind
from schemas.topics import Topic
from schemas.verbs import RESTARTABLE
from streams import cli_gate, cli_smoke, cli_wait, clock
from streams.cli_parts import connected
from streams.commit_time import commit_time
from streams.deploy_requests import DeployRequest, event_of, release_of
from streams.kafka_log import LogWriter
from streams.settings import read_settings
from streams.target_text import read_target

_RUNNING = (*RESTARTABLE, TargetKind.ROLLOUT, TargetKind.PROCESSES)

app = typer.Typer(
    help="For pipelines: hand in a build's reports, ask whether it may be deployed, tell of a deployment and "
    "wait for what becomes of it.",
    no_args_is_help=True,
)
cli_gate.add_commands(app)
cli_wait.add_commands(app)
cli_smoke.add_commands(app)


@app.command()
def deploy(
    service: Annotated[str, typer.Option(help="service.name, as its telemetry says it.")],
    version: Annotated[str, typer.Option(help="service.version, as its telemetry will say it.")],
    environment: Annotated[str, typer.Option(help="deployment.environment.name.")],
    commit: Annotated[str, typer.Option(help="Revision of the source.")] = "",
    repository: Annotated[str, typer.Option(help="Address of the repository that it is of.")] = "",
    url: Annotated[str, typer.Option(help="Where the pipeline's run can be seen.")] = "",
    template: Annotated[str, typer.Option(help="Hash of the pod template that runs this version.")] = "",
    rollback_template: Annotated[str, typer.Option(help="Hash of the template to go back to.")] = "",
    target: Annotated[str, typer.Option(help="KIND:CLUSTER/NAMESPACE/WORKLOAD; default: the policy's.")] = "",
    upgrade: Annotated[bool, typer.Option("--upgrade", help="An older version ran before.")] = False,
    one_way: Annotated[str, typer.Option(help="What going back does not take back, as a sentence.")] = "",
    artifact: Annotated[str, typer.Option(help="What was deployed, as a package URL.")] = "",
    team: Annotated[str, typer.Option(help="Who owns the service; default: the policy's.")] = "",
    committed_at: Annotated[
        str, typer.Option(help="When the commit was made, as RFC 3339; default: what git here says of it.")
    ] = "",
    key: Annotated[str, typer.Option(help="Of one version, the same key is the same deploy.")] = "",
    gateway: Annotated[str, typer.Option(help="Tell this gateway instead of Kafka.")] = "",
) -> None:
    """Publish a CDEvents service.deployed: from here on the release is watched.

    Prints the release's id. With --gateway it is told over HTTP, and no Kafka is needed; SUTURE_TOKEN opens a
    gateway that asks for a token.
    """
    asked = DeployRequest(
        service=service,
        version=version,
        environment=environment,
        commit=commit,
        repository=repository,
        url=url,
        template=template,
        rollback_template=rollback_template,
        target=read_target(target, _RUNNING) if target else None,
        artifact=artifact,
        one_way=one_way,
        is_upgrade=upgrade,
        team=team,
        committed_at=read_instant("--committed-at", committed_at) if committed_at else commit_time(commit),
        # Given here, so that what is told again after an error is the same deploy.
        started_at=clock.now(),
        key=key,
    )
    settings = read_settings()
    if gateway:
        # Imported here: no other command needs an HTTP client.
        from streams.deploy_client import tell_deploy

        told = tell_deploy(gateway, asked, token=settings.access.token, sleep=time.sleep)
        typer.echo(told.release)
        return
    settings = connected(settings)
    event = event_of(asked, clock.now())
    value, headers = write_record(event)
    release = release_of(event)
    named = service_key(release.environment, release.service)
    with LogWriter(settings.bootstrap, settings.prefix) as writer:
        writer.send(Message(topic=Topic.CDEVENTS, key=named.encode(), value=value, headers=tuple(headers)))
        writer.flush()
    typer.echo(release.id)


@app.command()
def one_way(
    reason: Annotated[str, typer.Argument(help="What changed for good, as a sentence.")],
    service: Annotated[str, typer.Option(help="service.name.")],
    version: Annotated[str, typer.Option(help="service.version whose release changed it.")],
    environment: Annotated[str, typer.Option(help="deployment.environment.name.")],
) -> None:
    """Say that a version changed what going back does not take back, such as a schema that moved on."""
    if not reason.strip() or len(reason) > LONGEST_REASON or not reason.isprintable():
        raise SettingsError(f"reason is not a printable sentence of at most {LONGEST_REASON} characters")
    settings = connected(read_settings())
    seen = OneWaySeen(
        environment=environment_name(environment),
        service=service_name(service),
        version=version,
        reason=reason.strip(),
        at=clock.now(),
    )
    with LogWriter(settings.bootstrap, settings.prefix) as writer:
        writer.send(observation_message(Topic.ENVIRONMENT_OBSERVATIONS, seen.environment, seen))
        writer.flush()
    typer.echo(f"{seen.service} {seen.version} in {seen.environment} goes one way: {seen.reason}")
