"""Commands for pipelines: `suture ci ...`."""

from typing import Annotated

import typer

from schemas.cdevents import LONGEST_REASON, deploy_event, read_deploy
from schemas.cloudevents import write_record
from schemas.envelopes import Message
from schemas.errors import SettingsError
from schemas.keys import EnvironmentName, ServiceName, TemplateHash, service_key
from schemas.names import environment_name, service_name
from schemas.observation_messages import observation_message
from schemas.observations import OneWaySeen
from schemas.releases import TargetKind
from schemas.topics import Topic
from schemas.verbs import RESTARTABLE
from streams import cli_gate, cli_smoke, cli_wait, clock
from streams.cli_parts import connected
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
    url: Annotated[str, typer.Option(help="Where the pipeline's run can be seen.")] = "",
    template: Annotated[str, typer.Option(help="Hash of the pod template that runs this version.")] = "",
    rollback_template: Annotated[str, typer.Option(help="Hash of the template to go back to.")] = "",
    target: Annotated[str, typer.Option(help="KIND:CLUSTER/NAMESPACE/WORKLOAD; default: the policy's.")] = "",
    upgrade: Annotated[bool, typer.Option("--upgrade", help="An older version ran before.")] = False,
    one_way: Annotated[str, typer.Option(help="What going back does not take back, as a sentence.")] = "",
) -> None:
    """Publish a CDEvents service.deployed: from here on the release is watched."""
    settings = connected(read_settings())
    event = deploy_event(
        service=ServiceName(service),
        version=version,
        environment=EnvironmentName(environment),
        at=clock.now(),
        commit=commit,
        url=url,
        template=TemplateHash(template),
        rollback_template=TemplateHash(rollback_template),
        target=read_target(target, _RUNNING) if target else None,
        is_upgrade=upgrade,
        one_way=one_way,
    )
    value, headers = write_record(event)
    started = read_deploy(event)
    if started is None:
        raise SettingsError("the deploy event announces no release")
    key = service_key(started.release.environment, started.release.service)
    with LogWriter(settings.bootstrap, settings.prefix) as writer:
        writer.send(Message(topic=Topic.CDEVENTS, key=key.encode(), value=value, headers=tuple(headers)))
        writer.flush()
    typer.echo(started.release.id)


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
