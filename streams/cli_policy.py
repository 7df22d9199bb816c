"""Commands about the policy file: `suture policy ...`."""

from pathlib import Path
from typing import Annotated

import typer

from actions.policy_file import explain_policy, load_policy
from schemas.codec import digest
from schemas.keys import EnvironmentName, ServiceName
from streams.settings import read_settings

app = typer.Typer(help="Check a policy file, or see what it says about a service.", no_args_is_help=True)

File = Annotated[Path | None, typer.Argument(help="Policy file; default: SUTURE_POLICY.")]


@app.command()
def check(file: File = None) -> None:
    """Check a policy file: every mistake with its line."""
    policy = load_policy(file or read_settings().policy)
    rules = ", ".join(sorted(policy.rules))
    typer.echo(f"the policy is in order (digest {digest(policy)}); rules: {rules}")


@app.command()
def show(
    environment: Annotated[str, typer.Argument(help="Environment.")],
    service: Annotated[str, typer.Argument(help="Service.")],
    file: Annotated[Path | None, typer.Option(help="Policy file; default: SUTURE_POLICY.")] = None,
) -> None:
    """Show what holds for a service in an environment."""
    policy = load_policy(file or read_settings().policy)
    typer.echo(explain_policy(policy, EnvironmentName(environment), ServiceName(service)))
