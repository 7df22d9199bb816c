"""Commands by which a person acts: `suture act ...`."""

from typing import Annotated, Any

import typer

from schemas.errors import SettingsError
from schemas.keys import TemplateHash
from schemas.orders import CommandKind
from schemas.releases import TargetKind
from schemas.verbs import RESTARTABLE, ConfigChange, PodDeletion, Scaling, StepPromotion
from streams.acting_by_hand import Given, act, uid_of, waiting_of
from streams.target_text import read_target

app = typer.Typer(
    help="Act by hand, through an executor: signed, once, read back. Freezes and the kill switch bind the "
    "gate, not a person. Exit codes: 0 done, 1 failed, 2 not understood, 3 refused, 4 no outcome came.",
    no_args_is_help=True,
)

TargetText = Annotated[str, typer.Argument(metavar="TARGET", help="KIND:CLUSTER/NAMESPACE/NAME.")]
Environment = Annotated[str, typer.Option(help="deployment.environment.name that it belongs to.")]
Service = Annotated[str, typer.Option(help="service.name; default: the target's name.")]
Expect = Annotated[str, typer.Option(help="Refuse unless this template runs.")]
Template = Annotated[str, typer.Option(help="Its hash; default: what the Rollout asks for now.")]
Timeout = Annotated[str, typer.Option(help="How long it may take, such as 90s or 20m.")]
By = Annotated[str, typer.Option(help="Who acts; default: the login name.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Ask KUBECONFIG's API server, change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask back.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_commands(root: typer.Typer) -> None:
    """Add this module's commands."""
    root.add_typer(app, name="act")


@app.command()
def undo(
    target: TargetText,
    environment: Environment,
    template: Annotated[str, typer.Option(help="Name of the template to go back to.")],
    service: Service = "",
    expect: Expect = "",
    timeout: Timeout = "10m",
    by: By = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Give an earlier template back, named by its hash."""
    act(CommandKind.UNDO, target, Given(**_shared(locals())), template=TemplateHash(template))


@app.command()
def restart(
    target: TargetText,
    environment: Environment,
    service: Service = "",
    expect: Expect = "",
    timeout: Timeout = "10m",
    by: By = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Replace every pod, one after the other."""
    act(CommandKind.RESTART, target, Given(**_shared(locals())))


@app.command()
def scale(
    target: TargetText,
    environment: Environment,
    replicas: Annotated[int, typer.Option(help="How many pods there are to be.")],
    minimum: Annotated[int, typer.Option(help="Refuse fewer; 0 allows to take all away.")] = 1,
    maximum: Annotated[int, typer.Option(help="Refuse more.")] = 20,
    service: Service = "",
    expect: Expect = "",
    timeout: Timeout = "10m",
    by: By = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Bring a Deployment or StatefulSet to a number of pods."""
    given = Given(**_shared(locals()))
    try:
        scaling = Scaling(replicas=replicas, minimum=minimum, maximum=maximum)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    act(CommandKind.SCALE, target, given, scaling=scaling)


@app.command()
def pause(
    target: TargetText,
    environment: Environment,
    service: Service = "",
    expect: Expect = "",
    timeout: Timeout = "10m",
    by: By = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Stop the rollout of a Deployment or Rollout where it is."""
    act(CommandKind.PAUSE, target, Given(**_shared(locals())))


@app.command()
def resume(
    target: TargetText,
    environment: Environment,
    service: Service = "",
    expect: Expect = "",
    timeout: Timeout = "10m",
    by: By = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Let a paused rollout go on."""
    act(CommandKind.RESUME, target, Given(**_shared(locals())))


@app.command()
def delete_pod(
    target: TargetText,
    environment: Environment,
    pod: Annotated[str, typer.Option(help="Name of the crashed pod, one of the target's.")],
    uid: Annotated[str, typer.Option(help="Its uid; default: KUBECONFIG's API server is asked.")] = "",
    service: Service = "",
    expect: Expect = "",
    timeout: Timeout = "10m",
    by: By = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Delete a pod that crashed, so that another is made."""
    given = Given(**_shared(locals()))
    place = read_target(target, tuple(TargetKind))
    act(
        CommandKind.DELETE_POD,
        target,
        given,
        pod=PodDeletion(pod=pod, uid=uid or uid_of(place.namespace, pod)),
    )


@app.command()
def run_job(
    target: TargetText,
    environment: Environment,
    service: Service = "",
    timeout: Timeout = "10m",
    by: By = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Run a CronJob's template once, wait for its end, and show the last lines that it said."""
    act(CommandKind.RUN_JOB, target, Given(**_shared({"expect": "", **locals()})))


@app.command()
def abort(
    target: TargetText,
    environment: Environment,
    service: Service = "",
    expect: Expect = "",
    timeout: Timeout = "10m",
    by: By = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Take a Rollout's traffic back to its stable template."""
    act(CommandKind.ABORT, target, Given(**_shared(locals())))


@app.command()
def retry(
    target: TargetText,
    environment: Environment,
    service: Service = "",
    expect: Expect = "",
    timeout: Timeout = "10m",
    by: By = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Start a Rollout's aborted update again."""
    act(CommandKind.RETRY, target, Given(**_shared(locals())))


@app.command()
def promote(
    target: TargetText,
    environment: Environment,
    template: Template = "",
    step: Annotated[int, typer.Option(help="Place of the step, from 0; default: the one it is at.")] = -1,
    service: Service = "",
    expect: Expect = "",
    timeout: Timeout = "10m",
    by: By = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Let a Rollout go past one step."""
    given = Given(**_shared(locals()))
    found, at = _waiting(target) if not template or step < 0 else ("", 0)
    past = StepPromotion(step=step if step >= 0 else at)
    act(CommandKind.PROMOTE_STEP, target, given, template=TemplateHash(template or found), step=past)


@app.command()
def promote_full(
    target: TargetText,
    environment: Environment,
    template: Template = "",
    service: Service = "",
    expect: Expect = "",
    timeout: Timeout = "10m",
    by: By = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Promote a template in full, past all steps, pauses and analyses."""
    given = Given(**_shared(locals()))
    newest = template or _waiting(target)[0]
    act(CommandKind.PROMOTE, target, given, template=TemplateHash(newest))


@app.command()
def set_config(
    target: TargetText,
    key: Annotated[str, typer.Argument(help="Key in the ConfigMap.")],
    value: Annotated[str, typer.Argument(help="Its value. It is kept for good: no secrets.")],
    environment: Environment,
    restart: Annotated[str, typer.Option(help="Workload to restart after it, as KIND:...")] = "",
    service: Service = "",
    timeout: Timeout = "10m",
    by: By = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Set a key of a ConfigMap."""
    given = Given(**_shared({"expect": "", **locals()}))
    reader = read_target(restart, RESTARTABLE) if restart else None
    try:
        change = ConfigChange(key=key, value=value, restart=reader)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    act(CommandKind.SET_CONFIG, target, given, config=change)


def _waiting(target: str) -> tuple[str, int]:
    return waiting_of(read_target(target, (TargetKind.ROLLOUT,)))


def _shared(given: dict[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in Given.__dataclass_fields__}
