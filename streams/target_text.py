"""Targets as people write them: KIND:CLUSTER/NAMESPACE/WORKLOAD."""

from collections.abc import Sequence

from schemas.errors import SettingsError
from schemas.releases import Target, TargetKind


def read_target(text: str, kinds: Sequence[TargetKind]) -> Target:
    """Return the target that `kind:cluster/namespace/workload` names.

    Args:
        text: What somebody wrote.
        kinds: Kinds that make sense here.

    Raises:
        SettingsError: it is not of that form, or of another kind.

    >>> read_target("deployment:default/shop/cart", [TargetKind.DEPLOYMENT]).key
    'default/shop/cart'
    """
    kind, _, place = text.partition(":")
    parts = place.split("/")
    if kind not in tuple(kinds) or len(parts) != 3 or not all(parts):
        raise SettingsError(
            f"target is {text!r}, expected KIND:CLUSTER/NAMESPACE/WORKLOAD, KIND {' or '.join(kinds)}"
        )
    cluster, namespace, workload = parts
    return Target(kind=TargetKind(kind), cluster=cluster, namespace=namespace, workload=workload)
