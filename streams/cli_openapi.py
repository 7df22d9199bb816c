"""`suture openapi`: the gateway's interface, as machines read it."""

import json
from pathlib import Path
from typing import Annotated

import typer

from schemas.errors import SettingsError


def add_commands(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(openapi)


def openapi(
    output: Annotated[Path | None, typer.Option(help="File to write; default: standard output.")] = None,
) -> None:
    """Print the OpenAPI document of the gateway, as this version serves it at /openapi.json."""
    text = document_text()
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{output} cannot be written: {error.strerror}") from error


def document_text() -> str:
    """Return the document as JSON, equal for equal routes."""
    # Imported here: no other command needs the web framework.
    from streams.gateway import create_app
    from streams.gateway_publishing import PublishError

    class Nowhere:
        """A publisher of an application that serves nobody."""

        async def publish(self, *_: object) -> None:
            raise PublishError("this application only describes itself")

    return json.dumps(create_app(Nowhere()).openapi(), indent=2, ensure_ascii=False) + "\n"
