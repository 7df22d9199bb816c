"""The command line: `suture ...`."""

import sys
from typing import Annotated, NoReturn

import typer

from schemas.errors import SutureError
from streams import (
    cli_act,
    cli_audit,
    cli_backtest,
    cli_ci,
    cli_demo,
    cli_explain,
    cli_export,
    cli_features,
    cli_flow,
    cli_humans,
    cli_keys,
    cli_labels,
    cli_learn,
    cli_logs,
    cli_models,
    cli_openapi,
    cli_pagerduty,
    cli_parts,
    cli_playbooks,
    cli_policy,
    cli_questions,
    cli_rbac,
    cli_slack,
)

app = typer.Typer(
    name="suture",
    help="Watch every release, say what is known of it, and roll back what harms.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for module in (
    cli_demo,
    cli_parts,
    cli_questions,
    cli_flow,
    cli_explain,
    cli_audit,
    cli_humans,
    cli_labels,
    cli_act,
    cli_rbac,
    cli_features,
    cli_logs,
    cli_learn,
    cli_models,
    cli_backtest,
    cli_openapi,
):
    module.add_commands(app)
app.add_typer(cli_ci.app, name="ci")
app.add_typer(cli_export.app, name="export")
app.add_typer(cli_policy.app, name="policy")
app.add_typer(cli_keys.app, name="keys")
app.add_typer(cli_pagerduty.app, name="pagerduty")
app.add_typer(cli_playbooks.app, name="playbooks")
app.add_typer(cli_slack.app, name="slack")


@app.callback()
def _options(
    log_level: Annotated[
        str, typer.Option(help="debug, info, warning or error; logs go to standard error.")
    ] = "warning",
) -> None:
    # Imported here: `suture --help` needs no logging.
    from streams.log_lines import set_up_logging
    from streams.settings import read_settings
    from streams.stopping import stop_with

    set_up_logging(log_level)
    stop_with(read_settings().parent)


def main() -> NoReturn:
    """Run the command line; an expected error becomes one sentence and exit code 2."""
    try:
        app()
    except SutureError as error:
        sys.stderr.write(f"suture: {error}\n")
        sys.exit(2)
    sys.exit(0)


if __name__ == "__main__":
    main()
