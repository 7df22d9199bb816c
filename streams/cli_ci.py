"""Commands for pipelines: `suture ci ...`."""

from typing import Annotated

import typer

from schemas.cdevents import deploy_event, read_deploy
from schemas.cloudevents import write_record
from schemas.envelopes import Message
from schemas.errors import SettingsError
from schemas.keys import EnvironmentName, ServiceName, TemplateHash, service_key
from schemas.releases import TargetKind
from schemas.topics import Topic
from schemas.verbs import RESTARTABLE
from streams import cli_gate, clock
from streams.cli_parts import connected
from streams.kafka_log import LogWriter
from streams.settings import read_settings
from streams.target_text import read_target

_RUNNING = (*RESTARTABLE, TargetKind.ROLLOUT, TargetKind.PROCESSES)

app = typer.Typer(
    help="For pipelines: hand in a build's reports, ask whether it may be deployed, tell of a deployment.",
    no_args_is_help=True,
)
cli_gate.add_commands(app)


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
