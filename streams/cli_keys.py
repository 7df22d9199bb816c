"""Commands for signing keys: `suture keys ...`."""

import base64
import secrets
from typing import Annotated

import typer

from actions.errors import SignatureError
from actions.signing import KeyRing
from schemas.errors import SettingsError
from streams import clock

KEY_BYTES = 32
"""As long as the digest of SHA-256: longer adds nothing (RFC 2104, section 3)."""

app = typer.Typer(help="Keys that sign commands and outcomes.", no_args_is_help=True)


@app.callback()
def _options() -> None:
    # Without it, the only command would take the place of the group.
    return


@app.command()
def new(
    key_id: Annotated[str, typer.Option("--id", help="Its id; default: k and the day, as k20261123.")] = "",
) -> None:
    """Print a fresh key as `id:base64`, an entry of SUTURE_KEYS.

    Keys rotate without refusing a good command: add the new one behind the old one everywhere, then put it
    first everywhere, then wait longer than a command lives, then take the old one away.
    """
    name = key_id or f"k{clock.now():%Y%m%d}"
    entry = f"{name}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"
    try:
        KeyRing.from_text(entry)
    except SignatureError as error:
        raise SettingsError(f"--id is {name!r}: {error}") from error
    typer.echo(entry)
