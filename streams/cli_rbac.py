"""The command that prints the role that an executor needs: `suture rbac`."""

from typing import Annotated

import typer

from schemas.errors import SettingsError
from schemas.orders import CommandKind
from schemas.releases import TargetKind


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(rbac)


def rbac(
    namespace: Annotated[str, typer.Option(help="Namespace that the executor may act in.")],
    verbs: Annotated[str, typer.Option(help="Such as undo,restart; default: all.")] = "",
    kinds: Annotated[str, typer.Option(help="Such as deployment,configmap; default: all.")] = "",
    account: Annotated[str, typer.Option(help="Name of account, Role and binding.")] = "suture",
) -> None:
    """Print the narrowest Role for what an executor shall be able to do."""
    # The cluster's client is an extra.
    try:
        from actions.kubernetes_role import manifests, rules
        from actions.kubernetes_targets import SERVED, possible
    except ImportError as error:
        raise SettingsError(
            "no Kubernetes client is installed, expected the extra suture[kubernetes]"
        ) from error

    commands = [CommandKind(name.replace("-", "_")) for name in _listed(verbs, "--verbs", tuple(possible()))]
    targets = [TargetKind(name) for name in _listed(kinds, "--kinds", SERVED)]
    if not verbs:
        # A verb that none of the kinds knows is only wrong where it was asked for.
        commands = [one for one in commands if any(kind in targets for kind in possible()[one])]
    typer.echo(manifests(rules(commands, targets), namespace, account), nl=False)


def _listed(text: str, option: str, known: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(",") if part.strip()) or known
    for name in names:
        if name.replace("-", "_") not in known:
            raise SettingsError(f"{option} has {name!r}, expected some of {', '.join(known)}")
    return names
