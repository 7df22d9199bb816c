"""The narrowest role for what an executor shall be able to do: generated from the verbs themselves."""

from collections.abc import Iterable
from typing import Any

import yaml

from actions.errors import RefusedActionError
from actions.kubernetes_resources import Rule
from actions.kubernetes_targets import possible, verb_for
from schemas.orders import CommandKind
from schemas.releases import TargetKind

_ORDER = ("get", "list", "patch", "create", "delete")


def rules(commands: Iterable[CommandKind], kinds: Iterable[TargetKind]) -> tuple[Rule, ...]:
    """Return the rules that these commands to these kinds of targets need, each resource once.

    Raises:
        RefusedActionError: one of the commands can be done to none of the kinds.
    """
    wanted = tuple(kinds)
    verbs: dict[str, Rule] = {}
    for command in commands:
        able = [kind for kind in possible()[command] if kind in wanted]
        if not able:
            raise RefusedActionError(
                f"{command} can be done to none of {', '.join(wanted)}, expected "
                f"{' or '.join(possible()[command])}"
            )
        for rule in (rule for kind in able for rule in verb_for(command, kind).rights(kind)):
            key = f"{rule.resource.group}/{rule.name}"
            had = verbs[key].verbs if key in verbs else ()
            merged = tuple(verb for verb in _ORDER if verb in had or verb in rule.verbs)
            verbs[key] = Rule(resource=rule.resource, subresource=rule.subresource, verbs=merged)
    return tuple(verbs[key] for key in sorted(verbs))


def manifests(needed: tuple[Rule, ...], namespace: str, account: str) -> str:
    """Return a ServiceAccount, its Role with these rules and nothing else, and their binding, as YAML."""
    place = {"name": account, "namespace": namespace}
    authorization = "rbac.authorization.k8s.io"
    documents: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {**place}},
        {
            "apiVersion": f"{authorization}/v1",
            "kind": "Role",
            "metadata": {**place},
            "rules": [
                {"apiGroups": [rule.resource.group], "resources": [rule.name], "verbs": list(rule.verbs)}
                for rule in needed
            ],
        },
        {
            "apiVersion": f"{authorization}/v1",
            "kind": "RoleBinding",
            "metadata": {**place},
            "subjects": [{"kind": "ServiceAccount", **place}],
            "roleRef": {"apiGroup": authorization, "kind": "Role", "name": account},
        },
    ]
    return "---\n".join(
        yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=110)
        for document in documents
    )
