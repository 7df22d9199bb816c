"""Commands about Slack: `suture slack ...`."""

from typing import Annotated

import typer

app = typer.Typer(help="Asking people in Slack.", no_args_is_help=True)


@app.callback()
def _options() -> None:
    # Without it, the only command would take the place of the group.
    return


@app.command()
def check(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Say whether the bot is known, reaches each channel, and hears answers; 1 when something fails.

    Nothing is posted.
    """
    # Imported here: Slack's client is needed by nobody else.
    from streams.doctor import print_findings
    from streams.settings import read_settings
    from streams.slack_parts import examine_slack

    raise typer.Exit(print_findings(examine_slack(read_settings().slack), as_json=as_json))
