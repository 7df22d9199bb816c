"""The narrowest roles for what an executor shall be able to do: generated from the verbs themselves."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import yaml

from actions.errors import RefusedActionError
from actions.kubernetes_resources import Rule
from actions.kubernetes_targets import possible, verb_for
from actions.owner_rights import owner_rights
from schemas.orders import CommandKind
from schemas.releases import TargetKind
from schemas.verbs import OwnerKind

_ORDER = ("get", "list", "patch", "create", "update", "delete")


def rules(
    commands: Iterable[CommandKind],
    kinds: Iterable[TargetKind],
    owners: Mapping[OwnerKind, str] | None = None,
) -> tuple[Rule, ...]:
    """Return the rules that these commands to these kinds of targets need, each resource once.

    `owners` are the tools that workloads may belong to, with the namespace of their own objects; what an
    undo and the end of its lease do to those is allowed, too.

    Raises:
        RefusedActionError: one of the commands can be done to none of the kinds.
    """
    wanted, ordered = tuple(kinds), tuple(commands)
    needed: list[Rule] = []
    for command in ordered:
        able = [kind for kind in possible()[command] if kind in wanted]
        if not able:
            raise RefusedActionError(
                f"{command} can be done to none of {', '.join(wanted)}, expected "
                f"{' or '.join(possible()[command])}"
            )
        needed += [rule for kind in able for rule in verb_for(command, kind).rights(kind)]
    if CommandKind.UNDO in ordered or CommandKind.RESUME_SYNC in ordered:
        needed += [rule for owner, place in (owners or {}).items() for rule in owner_rights(owner, place)]
    verbs: dict[str, Rule] = {}
    for rule in needed:
        key = f"{rule.namespace}/{rule.resource.group}/{rule.name}"
        had = verbs[key].verbs if key in verbs else ()
        verbs[key] = replace(rule, verbs=tuple(verb for verb in _ORDER if verb in had or verb in rule.verbs))
    return tuple(verbs[key] for key in sorted(verbs))


def manifests(needed: tuple[Rule, ...], namespace: str, account: str) -> str:
    """Return a ServiceAccount, its Roles with these rules and nothing else, and their bindings, as YAML."""
    subject = {"name": account, "namespace": namespace}
    documents: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {**subject}}
    ]
    documents += _role(tuple(rule for rule in needed if rule.namespace in ("", namespace)), subject, subject)
    for place in sorted({rule.namespace for rule in needed} - {"", namespace}):
        # Accounts of several namespaces may meet there.
        name = {"name": f"{account}-{namespace}", "namespace": place}
        documents += _role(tuple(rule for rule in needed if rule.namespace == place), name, subject)
    return "---\n".join(
        yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=110)
        for document in documents
    )


def _role(needed: tuple[Rule, ...], place: dict[str, str], subject: dict[str, str]) -> list[dict[str, Any]]:
    authorization = "rbac.authorization.k8s.io"
    return [
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
            "subjects": [{"kind": "ServiceAccount", **subject}],
            "roleRef": {"apiGroup": authorization, "kind": "Role", "name": place["name"]},
        },
    ]
