"""Commands by which a person acts: `suture act ...`."""

from typing import Annotated

import typer

from schemas.errors import SettingsError
from schemas.keys import TemplateHash
from schemas.orders import CommandKind
from schemas.releases import TargetKind
from schemas.verbs import RESTARTABLE, ConfigChange, PodDeletion, RunbookCall, Scaling, StepPromotion
from streams.act_options import acting
from streams.acting_by_hand import Given, act, uid_of, waiting_of
from streams.target_text import read_target

app = typer.Typer(
    help="Act by hand, through an executor: signed, once, read back. Freezes and the gate's kill switch bind "
    "the gate, not a person; the executor's kill file binds both. Exit codes: 0 done, 1 failed, 2 not "
    "understood, 3 refused, 4 no outcome came.",
    no_args_is_help=True,
)

TargetText = Annotated[str, typer.Argument(metavar="TARGET", help="KIND:CLUSTER/NAMESPACE/NAME.")]
Template = Annotated[str, typer.Option(help="Its hash; default: what the Rollout asks for now.")]
Listed = Annotated[str, typer.Argument(metavar="NAME", help="As the executor's installation lists it.")]
For = Annotated[str, typer.Option("--for", metavar="TARGET", help="A workload: KIND:CLUSTER/NAMESPACE/NAME.")]
Args = Annotated[list[str] | None, typer.Option("--arg", metavar="NAME=VALUE", help="As often as wanted.")]


def add_commands(root: typer.Typer) -> None:
    """Add this module's commands."""
    root.add_typer(app, name="act")


@acting(app)
def undo(
    given: Given,
    target: TargetText,
    template: Annotated[str, typer.Option(help="Name of the template to go back to.")],
) -> None:
    """Give an earlier template back, named by its hash."""
    act(CommandKind.UNDO, target, given, template=TemplateHash(template))


@acting(app)
def restart(given: Given, target: TargetText) -> None:
    """Replace every pod, one after the other."""
    act(CommandKind.RESTART, target, given)


@acting(app)
def scale(
    given: Given,
    target: TargetText,
    replicas: Annotated[int, typer.Option(help="How many pods there are to be.")],
    minimum: Annotated[int, typer.Option(help="Refuse fewer; 0 allows to take all away.")] = 1,
    maximum: Annotated[int, typer.Option(help="Refuse more.")] = 20,
) -> None:
    """Bring a Deployment or StatefulSet to a number of pods."""
    try:
        scaling = Scaling(replicas=replicas, minimum=minimum, maximum=maximum)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    act(CommandKind.SCALE, target, given, scaling=scaling)


@acting(app)
def pause(given: Given, target: TargetText) -> None:
    """Stop the rollout of a Deployment or Rollout where it is."""
    act(CommandKind.PAUSE, target, given)


@acting(app)
def resume(given: Given, target: TargetText) -> None:
    """Let a paused rollout go on."""
    act(CommandKind.RESUME, target, given)


@acting(app)
def delete_pod(
    given: Given,
    target: TargetText,
    pod: Annotated[str, typer.Option(help="Name of the crashed pod, one of the target's.")],
    uid: Annotated[str, typer.Option(help="Its uid; default: KUBECONFIG's API server is asked.")] = "",
) -> None:
    """Delete a pod that crashed, so that another is made."""
    place = read_target(target, tuple(TargetKind))
    deletion = PodDeletion(pod=pod, uid=uid or uid_of(place.namespace, pod))
    act(CommandKind.DELETE_POD, target, given, pod=deletion)


@acting(app, without=("expect",))
def run_job(given: Given, target: TargetText) -> None:
    """Run a CronJob's template once, wait for its end, and show the last lines that it said."""
    act(CommandKind.RUN_JOB, target, given)


@acting(app)
def abort(given: Given, target: TargetText) -> None:
    """Take a Rollout's traffic back to its stable template."""
    act(CommandKind.ABORT, target, given)


@acting(app)
def retry(given: Given, target: TargetText) -> None:
    """Start a Rollout's aborted update again."""
    act(CommandKind.RETRY, target, given)


@acting(app)
def promote(
    given: Given,
    target: TargetText,
    template: Template = "",
    step: Annotated[int, typer.Option(help="Place of the step, from 0; default: the one it is at.")] = -1,
) -> None:
    """Let a Rollout go past one step."""
    found, at = _waiting(target) if not template or step < 0 else ("", 0)
    past = StepPromotion(step=step if step >= 0 else at)
    act(CommandKind.PROMOTE_STEP, target, given, template=TemplateHash(template or found), step=past)


@acting(app)
def promote_full(given: Given, target: TargetText, template: Template = "") -> None:
    """Promote a template in full, past all steps, pauses and analyses."""
    newest = template or _waiting(target)[0]
    act(CommandKind.PROMOTE, target, given, template=TemplateHash(newest))


@acting(app, without=("expect",))
def set_config(
    given: Given,
    target: TargetText,
    key: Annotated[str, typer.Argument(help="Key in the ConfigMap.")],
    value: Annotated[str, typer.Argument(help="Its value. It is kept for good: no secrets.")],
    restart: Annotated[str, typer.Option(help="Workload to restart after it, as KIND:...")] = "",
) -> None:
    """Set a key of a ConfigMap."""
    reader = read_target(restart, RESTARTABLE) if restart else None
    try:
        change = ConfigChange(key=key, value=value, restart=reader)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    act(CommandKind.SET_CONFIG, target, given, config=change)


@acting(app, without=("expect",))
def run_ansible(given: Given, name: Listed, target: For, arg: Args = None) -> None:
    """Run a listed playbook of Ansible; a dry run is its check mode."""
    act(CommandKind.RUN_ANSIBLE, target, given, runbook=_call(name, arg))


@acting(app, without=("expect",))
def run_script(given: Given, name: Listed, target: For, arg: Args = None) -> None:
    """Run a listed Python script."""
    act(CommandKind.RUN_SCRIPT, target, given, runbook=_call(name, arg))


@acting(app, without=("expect",))
def call_http(given: Given, name: Listed, target: For, arg: Args = None) -> None:
    """Send a listed request, and wait for the work that it begins."""
    act(CommandKind.CALL_HTTP, target, given, runbook=_call(name, arg))


@acting(app, without=("expect",))
def run_pipeline(given: Given, name: Listed, target: For, arg: Args = None) -> None:
    """Run a listed pipeline of Spinnaker, named APPLICATION/PIPELINE, and wait for its end."""
    act(CommandKind.RUN_PIPELINE, target, given, runbook=_call(name, arg))


def _call(name: str, arg: list[str] | None) -> RunbookCall:
    arguments: dict[str, str] = {}
    for text in arg or ():
        key, equals, value = text.partition("=")
        if not equals or key in arguments:
            raise SettingsError(f"--arg is {text!r}, expected NAME=VALUE, each name once")
        arguments[key] = value
    try:
        return RunbookCall(name=name, arguments=arguments)
    except ValueError as error:
        raise SettingsError(str(error)) from error


def _waiting(target: str) -> tuple[str, int]:
    return waiting_of(read_target(target, (TargetKind.ROLLOUT,)))
