"""Commands about playbooks: `suture playbooks ...`."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from actions.playbook_files import load_playbooks, with_playbooks
from actions.policy_file import load_policy
from schemas.codec import adapter
from schemas.errors import SettingsError
from schemas.playbooks import Check, Condition, Occasion, PlaybookSpec, PlaybookStep
from streams.settings import read_settings

app = typer.Typer(help="Look at playbooks, or check an installation's own.", no_args_is_help=True)

Folder = Annotated[Path | None, typer.Argument(help="Folder of YAML files; default: SUTURE_PLAYBOOKS.")]


@app.command("list")
def listing(
    folder: Folder = None, json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """List the playbooks, the shipped ones and the installation's own, in the order they are thought of."""
    found = load_playbooks(folder or read_settings().playbooks)
    if json:
        sys.stdout.buffer.write(adapter(tuple[PlaybookSpec, ...]).dump_json(found, indent=2) + b"\n")
        return
    table = Table("playbook", "for", "when", "steps")
    for spec in found:
        steps = " -> ".join(step.does.replace("_", " ") for step in spec.steps)
        table.add_row(spec.label, ", ".join(spec.patterns), _when(spec), steps)
    Console().print(table)


@app.command()
def check(folder: Folder = None) -> None:
    """Check the playbooks, and that the policy names none that is not there."""
    settings = read_settings()
    found = load_playbooks(folder or settings.playbooks)
    with_playbooks(load_policy(settings.policy), found)
    typer.echo(f"the playbooks are in order: {', '.join(spec.label for spec in found)}")


@app.command()
def show(name: Annotated[str, typer.Argument(help="Name of a playbook.")]) -> None:
    """Show a playbook step by step, as a human reads it who is asked about one."""
    found = load_playbooks(read_settings().playbooks)
    spec = next((one for one in found if name in (one.name, one.label)), None)
    if spec is None:
        raise SettingsError(f"no playbook {name}, expected one of {', '.join(one.name for one in found)}")
    typer.echo(f"{spec.label}: {spec.about}")
    typer.echo(f"for {', '.join(spec.patterns)}; {_when(spec)}")
    for number, step in enumerate(spec.steps, start=1):
        typer.echo(f"{number}. {_step(step)}")


def _when(spec: PlaybookSpec) -> str:
    words = _condition(spec.when)
    if spec.settle:
        words.append(f"once it lasts {spec.settle}")
    if spec.roll_forward:
        words.append("offered to a human where a release cannot be taken back")
    return ", ".join(words) or "always"


def _condition(condition: Condition) -> list[str]:
    words = []
    if condition.occasion is not Occasion.ANY:
        what = (
            "the failing pods are those of" if condition.occasion is Occasion.RELEASE else "they are not of"
        )
        words.append(f"{what} a release under watch")
    if condition.kinds:
        words.append(f"of a {' or '.join(condition.kinds)}")
    if condition.max_failing_share < 1:
        words.append(f"at most {100 * condition.max_failing_share:g} % of the replicas fail")
    return words


def _step(step: PlaybookStep) -> str:
    parameters = ", ".join(f"{name}={value}" for name, value in step.parameters.items())
    said = [f"{step.name}: {step.does.replace('_', ' ')}" + (f" ({parameters})" if parameters else "")]
    said += [f"if {words}" for words in _condition(step.when)]
    if step.asks:
        said.append("a human must agree")
    said.append(f"may take {step.timeout}")
    said.append(_check(step.check))
    said.append("then the next step" if step.goes_on else f"else {step.otherwise}")
    return "; ".join(said)


def _check(check: Check) -> str:
    wanted = (
        ["the failure is gone" + (f" for {check.steady}" if check.steady else "")] if check.clears else []
    )
    if check.signals:
        names = "the signals" if "*" in check.signals else ", ".join(check.signals)
        wanted.append(f"{names} are as before")
    return f"within {check.within} {' and '.join(wanted) or 'nothing more is asked'}"
