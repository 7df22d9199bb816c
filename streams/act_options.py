"""The options that every `suture act` command shares, written once."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer

from streams.acting_by_hand import Given

_SHARED: dict[str, tuple[Any, Any]] = {
    "environment": (
        Annotated[str, typer.Option(help="deployment.environment.name that it belongs to.")],
        inspect.Parameter.empty,
    ),
    "service": (Annotated[str, typer.Option(help="service.name; default: the target's name.")], ""),
    "expect": (Annotated[str, typer.Option(help="Refuse unless this template runs.")], ""),
    "timeout": (Annotated[str, typer.Option(help="How long it may take, such as 90s or 20m.")], "10m"),
    "by": (Annotated[str, typer.Option(help="Who acts; default: the login name.")], ""),
    "dry_run": (
        Annotated[bool, typer.Option("--dry-run", help="Do all of it but the change, and say what it is.")],
        False,
    ),
    "yes": (Annotated[bool, typer.Option("--yes", help="Do not ask back.")], False),
    "json": (Annotated[bool, typer.Option("--json", help="Print JSON.")], False),
}


def acting(app: typer.Typer, without: tuple[str, ...] = ()) -> Callable[[Callable[..., None]], None]:
    """Return a decorator that makes a command of a function whose first argument is what all share.

    Args:
        app: What the command is added to.
        without: Shared options that have no meaning for it.
    """

    def decorate(function: Callable[..., None]) -> None:
        hints = get_type_hints(function, include_extras=True)
        own = list(inspect.signature(function).parameters.values())[1:]
        options = {name: option for name, option in _SHARED.items() if name not in without}

        def command(**said: Any) -> None:
            shared: dict[str, Any] = {name: said.pop(name) if name in options else "" for name in _SHARED}
            function(Given(**shared), **said)

        # What typer reads: the function's own parameters, then the shared ones.
        command.__name__, command.__doc__ = function.__name__, function.__doc__
        command.__annotations__ = {one.name: hints[one.name] for one in own}
        command.__annotations__ |= {name: kind for name, (kind, _) in options.items()}
        parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
        parameters += [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for name, (kind, default) in options.items()
        ]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # PEP 362
        app.command()(command)

    return decorate
