"""The command that prints the role that an executor needs: `suture rbac`."""

from typing import Annotated

import typer

from schemas.errors import SettingsError
from schemas.orders import CommandKind
from schemas.releases import TargetKind
from schemas.verbs import OwnerKind


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(rbac)


def rbac(
    namespace: Annotated[str, typer.Option(help="Namespace that the executor may act in.")],
    verbs: Annotated[str, typer.Option(help="Such as undo,restart; default: all.")] = "",
    kinds: Annotated[str, typer.Option(help="Such as deployment,configmap; default: all.")] = "",
    owners: Annotated[
        str, typer.Option(help="Whose workloads may be undone: argocd, flux, helm, each with =NAMESPACE.")
    ] = "",
    account: Annotated[str, typer.Option(help="Name of account, Role and binding.")] = "suture",
    watch: Annotated[
        bool, typer.Option("--watch", help="The watcher's Role instead: reading alone.")
    ] = False,
) -> None:
    """Print the narrowest Roles for what an executor shall be able to do."""
    # The cluster's client is an extra.
    try:
        from actions.kubernetes_role import manifests, rules
        from actions.kubernetes_targets import SERVED, possible
        from actions.owner_rights import USUAL_NAMESPACE
        from streams.watched_namespace import watching_rights
    except ImportError as error:
        raise SettingsError(
            "no Kubernetes client is installed, expected the extra suture[kubernetes]"
        ) from error

    if watch:
        if verbs or kinds or owners:
            raise SettingsError("--watch comes with --verbs, --kinds or --owners, expected it by itself")
        typer.echo(manifests(watching_rights(), namespace, account), nl=False)
        return
    commands = [CommandKind(name.replace("-", "_")) for name in _listed(verbs, "--verbs", tuple(possible()))]
    targets = [TargetKind(name) for name in _listed(kinds, "--kinds", SERVED)]
    if not verbs:
        # A verb that none of the kinds knows is only wrong where it was asked for.
        commands = [one for one in commands if any(kind in targets for kind in possible()[one])]
    places: dict[OwnerKind, str] = {}
    for text in (part.strip() for part in owners.split(",") if part.strip()):
        kind, _, place = text.partition("=")
        if kind not in USUAL_NAMESPACE:
            raise SettingsError(f"--owners has {kind!r}, expected some of {', '.join(USUAL_NAMESPACE)}")
        places[OwnerKind(kind)] = place or USUAL_NAMESPACE[OwnerKind(kind)]
    typer.echo(manifests(rules(commands, targets, places), namespace, account), nl=False)


def _listed(text: str, option: str, known: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(",") if part.strip()) or known
    for name in names:
        if name.replace("-", "_") not in known:
            raise SettingsError(f"{option} has {name!r}, expected some of {', '.join(known)}")
    return names
