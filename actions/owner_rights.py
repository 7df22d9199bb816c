"""The rights that an undo and the end of its lease need on the objects of those who own workloads."""

from typing import assert_never

from actions.kubernetes_resources import (
    APPLICATIONS,
    FLUX_SOURCES,
    HELM_RELEASES,
    KUSTOMIZATIONS,
    SECRETS,
    Rule,
)
from actions.ownership import ARGO_CD_NAMESPACE, FLUX_NAMESPACE
from schemas.verbs import OwnerKind

USUAL_NAMESPACE = {
    OwnerKind.ARGO_CD: ARGO_CD_NAMESPACE,
    OwnerKind.FLUX: FLUX_NAMESPACE,
    OwnerKind.HELM: "",
}
"""Where an owner keeps its own objects by default; "" for the workload's namespace."""


def owner_rights(owner: OwnerKind, namespace: str) -> tuple[Rule, ...]:
    """Return the rights on an owner's objects in a namespace, "" for the workload's.

    Of Helm it is what reading and writing its history takes. A rollback further needs whatever the chart
    holds, which nobody here knows.
    """
    match owner:
        case OwnerKind.NOBODY:
            return ()
        case OwnerKind.ARGO_CD:
            return (Rule(resource=APPLICATIONS, verbs=("get", "list", "patch"), namespace=namespace),)
        case OwnerKind.FLUX:
            changed = (KUSTOMIZATIONS, HELM_RELEASES)
            return (
                *(Rule(resource=one, verbs=("get", "patch"), namespace=namespace) for one in changed),
                *(Rule(resource=one, verbs=("get",), namespace=namespace) for one in FLUX_SOURCES.values()),
            )
        case OwnerKind.HELM:
            kept = ("get", "list", "create", "update", "delete")
            return (Rule(resource=SECRETS, verbs=kept, namespace=namespace),)
        case _:
            assert_never(owner)
