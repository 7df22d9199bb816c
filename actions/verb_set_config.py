"""A ConfigMap's key brought to a value, and a restart of who reads it where the command asks for one."""

from actions.actuator import Progress
from actions.errors import PermanentActionError, RefusedActionError
from actions.kubernetes_api import KubernetesApi, PatchForm
from actions.kubernetes_objects import Json, tests, version_of
from actions.kubernetes_resources import CONFIG_MAPS, Rule
from actions.kubernetes_verb import what, where, write_as_read
from actions.owner_traces import rival_note
from actions.verb_restart import Restart
from schemas.keys import NO_TEMPLATE
from schemas.orders import Command
from schemas.releases import Target, TargetKind
from schemas.verbs import ConfigChange


class SetConfig:
    """Sets a key of a ConfigMap. No sentence repeats a value.

    Args:
        api: The cluster.
    """

    kinds: tuple[TargetKind, ...] = (TargetKind.CONFIG_MAP,)

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api
        self._restart = Restart(api)

    @staticmethod
    def rights(kind: TargetKind) -> tuple[Rule, ...]:  # noqa: ARG004  # there is one kind
        """Return the rights that it needs; a restart needs its own besides."""
        return (Rule(resource=CONFIG_MAPS, verbs=("get", "patch")),)

    def read_back(self, command: Command) -> Progress:
        """Return whether the key holds the value, and how far the restart has come."""
        change = _change(command)
        config_map = self._read(command)
        place = f"{where(command.target)} key {change.key}"
        if (config_map.get("data") or {}).get(change.key) != change.value:
            detail = f"{place} holds another value"
            return Progress(is_set=False, is_done=False, template=NO_TEMPLATE, detail=detail)
        detail = f"{place} holds the value"
        restart = _restarted(command)
        if restart is None:
            return Progress(is_set=True, is_done=True, template=NO_TEMPLATE, detail=detail)
        progress = self._restart.progress(command, restart)
        return Progress(
            is_set=progress.is_set,
            is_done=progress.is_done,
            template=progress.template,
            detail=f"{detail}; {progress.detail}",
        )

    def carry_out(self, command: Command, *, is_rehearsal: bool = False) -> str:
        """Write the value, then restart."""
        target, restart = command.target, _restarted(command)
        text = write_as_read(
            what(command),
            lambda: self._read(command),
            version_of,
            lambda config_map: self._decide(command, config_map),
            lambda body: self._api.patch(
                what(command),
                CONFIG_MAPS,
                target.namespace,
                target.workload,
                body,
                PatchForm.JSON,
                is_rehearsal=is_rehearsal,
            ),
        )
        if restart is None:
            return text
        return f"{text}; {self._restart.restart(command, restart, is_rehearsal=is_rehearsal)}"

    def _decide(self, command: Command, config_map: Json) -> tuple[str, list[Json] | None]:
        change, place = _change(command), where(command.target)
        data = config_map.get("data") or {}
        if data.get(change.key) == change.value:
            return f"{place} key {change.key} holds the value already", None
        if config_map.get("immutable"):
            raise RefusedActionError(f"{what(command)}: it is immutable, make another and deploy with it")
        if change.key in (config_map.get("binaryData") or {}):
            raise RefusedActionError(f"{what(command)}: key {change.key} is binary")
        body = tests(config_map)
        if data:
            body += [{"op": "add", "path": f"/data/{change.key}", "value": change.value}]
        else:
            body += [{"op": "add", "path": "/data", "value": {change.key: change.value}}]
        done = "changed" if change.key in data else "added"
        return f"{place}: key {change.key} {done}{rival_note(config_map)}", body

    def _read(self, command: Command) -> Json:
        target = command.target
        return self._api.read(what(command), CONFIG_MAPS, target.namespace, target.workload)


def _change(command: Command) -> ConfigChange:
    if command.config is None:
        raise PermanentActionError(f"{what(command)}: no key and value are given")
    return command.config


def _restarted(command: Command) -> Target | None:
    """Return what is to be restarted; only beside the ConfigMap, since nothing else can read it."""
    target = _change(command).restart
    here = (command.target.cluster, command.target.namespace)
    if target is not None and (target.cluster, target.namespace) != here:
        raise RefusedActionError(f"{what(command)}: {target.key} is elsewhere and cannot read it")
    return target
