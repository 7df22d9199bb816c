"""What a person orders: built as a command, then rehearsed at the API server or given to an executor."""

import getpass
import json as json_text
import sys
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, NoReturn

import typer

from actions.errors import ActionError, HandedOverError, PermanentActionError, RefusedActionError
from schemas.codec import from_python, to_json
from schemas.durations import PositiveDuration
from schemas.errors import SchemaError, SettingsError
from schemas.keys import (
    NO_TEMPLATE,
    CommandId,
    DecisionId,
    ReleaseId,
    ServiceName,
    TemplateHash,
    derived_id,
)
from schemas.names import environment_name
from schemas.orders import RUNBOOKS, Command, CommandKind, Outcome, OutcomeKind
from schemas.releases import Target, TargetKind
from streams import clock
from streams.cli_parts import connected, keys_of
from streams.settings import Settings, read_settings
from streams.target_text import read_target

LIFE = timedelta(minutes=5)
"""An order that no executor took up in this time is not carried out any more."""

EXIT = {
    OutcomeKind.DONE: 0,
    OutcomeKind.ALREADY_DONE: 0,
    OutcomeKind.REHEARSED: 0,
    OutcomeKind.FAILED: 1,
    OutcomeKind.REFUSED: 3,
    OutcomeKind.HANDED_OVER: 3,
}
NO_OUTCOME = 4
"""Exit codes; 2 is what the command line gives to what it does not understand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The options that all verbs share."""

    environment: str
    service: str
    expect: str
    timeout: str
    by: str
    dry_run: bool
    yes: bool
    json: bool


def act(kind: CommandKind, target: str, given: Given, **said: Any) -> None:
    """Build the command, then rehearse it or order it, print what became of it and end the program.

    Args:
        kind: What is to be done.
        target: To what, as `kind:cluster/namespace/name`.
        given: The shared options.
        said: Fields of the command that the kind needs.

    Raises:
        SettingsError: something is not as it should be.
    """
    settings = read_settings()
    try:
        command = _command(kind, read_target(target, tuple(TargetKind)), given, said)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    if given.dry_run and kind in RUNBOOKS:
        # Only the executor knows what its installation lists.
        _order(settings, replace(command, is_rehearsal=True), given)
    if given.dry_run:
        _rehearse(settings, command, given)
        return
    _order(settings, command, given)


def _command(kind: CommandKind, target: Target, given: Given, said: dict[str, Any]) -> Command:
    at = clock.now()
    by = given.by or getpass.getuser()
    try:
        length: timedelta = from_python(PositiveDuration, given.timeout)
        environment = environment_name(given.environment)
    except SchemaError as error:
        raise SettingsError(f"--timeout or --environment: {error}") from error
    command_id = CommandId(derived_id("command", "by hand", target.key, kind, by, at.isoformat()))
    return Command(
        id=command_id,
        kind=kind,
        decision=DecisionId(derived_id("decision", "by hand", command_id)),
        release=ReleaseId(f"{environment}-{given.service or target.workload}-by-hand"),
        environment=environment,
        service=ServiceName(given.service or target.workload),
        target=target,
        template=said.get("template", NO_TEMPLATE),
        expected_template=TemplateHash(given.expect),
        issued_at=at,
        expires_at=at + LIFE,
        approved_by=f"{by} via cli",
        timeout_s=max(1, round(length.total_seconds())),
        scaling=said.get("scaling"),
        pod=said.get("pod"),
        config=said.get("config"),
        step=said.get("step"),
        runbook=said.get("runbook"),
    )


def _rehearse(settings: Settings, command: Command, given: Given) -> None:
    if command.target.cluster not in settings.clusters:
        raise SettingsError(
            f"target is in cluster {command.target.cluster}, KUBECONFIG's is called "
            f"{' or '.join(settings.clusters)}; SUTURE_CLUSTERS says so"
        )
    if command.target.kind is TargetKind.PROCESSES:
        raise SettingsError("a dry run asks a Kubernetes API server, local processes have none")
    from actions.kubernetes_targets import KubernetesTargets
    from streams.gitops import owners_of

    cluster = KubernetesTargets(_api(), owners_of(settings.gitops))
    try:
        progress = cluster.read_back(command)
        is_change = not progress.is_set
        text = cluster.rehearse(command) if is_change else f"nothing to change: {progress.detail}"
    except ActionError as error:
        kind = _ending(error)
        text = f"would be {kind.replace('_', ' ')}: {error}"
        _tell({"would_change": False, "detail": str(error)}, text, given)
        raise typer.Exit(EXIT[kind]) from error
    _tell({"would_change": is_change, "detail": text}, f"would change: {text}" if is_change else text, given)


def _ending(error: ActionError) -> OutcomeKind:
    if isinstance(error, HandedOverError):
        return OutcomeKind.HANDED_OVER
    return OutcomeKind.REFUSED if isinstance(error, RefusedActionError) else OutcomeKind.FAILED


def _order(settings: Settings, command: Command, given: Given) -> NoReturn:
    from streams.acting import order

    settings = connected(settings)
    keys = keys_of(settings)
    if keys is None:
        raise SettingsError("no signing keys, expected SUTURE_KEYS or SUTURE_KEYS_FILE: an order is signed")
    sentence = _sentence(command)
    if not given.yes and not command.is_rehearsal:
        if not sys.stdin.isatty():
            raise SettingsError(f"{sentence} is not confirmed, expected --yes where nobody can be asked")
        typer.confirm(f"{sentence}?", abort=True)
    outcome = order(settings, keys, command, timedelta(seconds=command.timeout_s))
    if outcome is None:
        text = f"{sentence}: no outcome came; is an executor running? its id is {command.id}"
        _tell({"command": command.id, "kind": None, "detail": text}, text, given)
        raise typer.Exit(NO_OUTCOME)
    if given.json:
        typer.echo(to_json(outcome))
    else:
        typer.echo(_told(outcome))
    raise typer.Exit(EXIT[outcome.kind])


def _sentence(command: Command) -> str:
    what = command.kind.replace("_", " ")
    place = f"{command.target.kind} {command.target.key}"
    return f"{what} of {place}" if command.runbook is None else f"{what} {command.runbook.name} for {place}"


def _told(outcome: Outcome) -> str:
    lines = [f"{outcome.kind.replace('_', ' ')}: {outcome.detail}"]
    return "\n".join(lines + [f"  | {line}" for line in outcome.log_tail])


def _tell(facts: dict[str, Any], text: str, given: Given) -> None:
    typer.echo(json_text.dumps(facts) if given.json else text)


def uid_of(namespace: str, pod: str) -> str:
    """Return the uid of the pod that has this name now."""
    from actions.kubernetes_resources import PODS

    return str(_api().read(f"look at pod {namespace}/{pod}", PODS, namespace, pod)["metadata"]["uid"])


def waiting_of(target: Target) -> tuple[TemplateHash, int]:
    """Return which template a Rollout asks for now, and the place of the step that it is at."""
    from actions.kubernetes_resources import ROLLOUTS
    from actions.rollout_status import Rollout

    name = f"look at rollout {target.namespace}/{target.workload}"
    rollout = Rollout(body=_api().read(name, ROLLOUTS, target.namespace, target.workload), kept=[])
    return rollout.newest, rollout.step or 0


def _api() -> Any:
    try:
        from actions.kubernetes_api import KubernetesApi
    except ImportError as error:
        raise PermanentActionError(
            "no Kubernetes client is installed, expected the extra suture[kubernetes]"
        ) from error
    return KubernetesApi.connect()
