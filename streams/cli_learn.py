"""`suture learn`: one training by hand, of the judge's profile or of the gate's risk."""

import getpass
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from schemas.cloudevents import read_instant
from schemas.codec import adapter, from_python
from schemas.durations import PositiveDuration
from schemas.errors import SchemaError, SettingsError
from streams import clock
from streams.cli_journal import Data, journal_of
from streams.settings import read_settings


class Family(StrEnum):
    """What is learnt."""

    JUDGE = "judge"
    RISK = "risk"


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(learn)


def learn(
    family: Annotated[
        Family, typer.Option(help="judge: how releases are judged. risk: the gate's chance of failure.")
    ] = Family.JUDGE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would change; tell nobody.")] = False,
    since: Annotated[
        str, typer.Option(help="How far back releases teach the judge; default: 90d. Risk learns from all.")
    ] = "",
    as_of: Annotated[
        str, typer.Option("--as-of", help="As it was known at this instant, RFC 3339; default: now.")
    ] = "",
    seed: Annotated[int, typer.Option(help="What random choices of a risk model come from.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: Data = None,
) -> None:
    """Learn from the journal once, and put what was learnt onto the log.

    A profile of the judge becomes a challenger: it runs in shadow, and nothing is judged by it until it is
    promoted. A risk model is used at once if it wins on releases that were held back.
    """
    at = read_instant("--as-of", as_of) if as_of else None
    journal = journal_of(data)
    if family is Family.JUDGE:
        _learn_judge(journal, at, _duration(since or "90d"), json=json, dry_run=dry_run)
        return
    if since:
        raise SettingsError(f"--since is {since!r}, expected nothing for risk: it learns from all releases")
    _learn_risk(journal, at, seed, json=json, dry_run=dry_run)


def _learn_judge(journal: Path, at: datetime | None, since: timedelta, *, json: bool, dry_run: bool) -> None:
    from rich.console import Console

    from actions.policy_file import load_policy
    from feature_store.training import Learnt
    from feature_store.views import connect
    from streams.learner import challenger_of
    from streams.learning import train
    from streams.learning_told import tell_training
    from streams.model_changes import tell_log

    policy = load_policy(read_settings().policy)
    with connect(journal) as connection:
        training = train(connection, policy, at, since)
    if json:
        sys.stdout.buffer.write(adapter(Learnt | None).dump_json(training.learnt, indent=2) + b"\n")
    else:
        tell_training(training, Console())
    if training.learnt is not None and not dry_run:
        by = f"{getpass.getuser()} via cli"
        tell_log([challenger_of(training.learnt, clock.now(), "learnt by hand", by)])


def _learn_risk(journal: Path, at: datetime | None, seed: int, *, json: bool, dry_run: bool) -> None:
    from importlib.metadata import version

    from feature_store.risk_training import train_risk
    from feature_store.views import connect
    from streams.model_changes import tell_log

    with connect(journal) as connection:
        training = train_risk(connection, at or clock.now(), version("suture"), seed)
    if json:
        import json as json_text

        stages = [{"id": change.card.id, "stage": change.stage} for change in training.changes]
        typer.echo(
            json_text.dumps({"why": training.why, "changes": stages, "scores": training.scores}, indent=2)
        )
    else:
        for name, scores in training.scores.items():
            typer.echo(
                f"{name}: Brier {scores['brier']} {scores['brier_95']}, AUC {scores['auc']}, "
                f"calibration error {scores['ece']}"
            )
        typer.echo(training.why)
    if training.changes and not dry_run:
        # Told now, whatever instant it was learnt as of: an entry of the past would be passed over as late.
        told_at = clock.now()
        by = f"{getpass.getuser()} via cli"
        tell_log([replace(change, at=told_at, by=by) for change in training.changes])


def _duration(text: str) -> timedelta:
    try:
        found: timedelta = from_python(PositiveDuration, text)
    except SchemaError as error:
        raise SettingsError(f"--since is {text!r}, expected a duration such as 90d or 12h") from error
    return found
