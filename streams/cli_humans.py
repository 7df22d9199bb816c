"""Commands by which people answer and intervene: approve, reject, hand over, freeze, thaw, kill-switch."""

import getpass
import shutil
import textwrap
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actions import kill_file
from schemas.approvals import HoldChanged
from schemas.codec import from_python
from schemas.durations import PositiveDuration
from schemas.errors import SchemaError, SettingsError
from schemas.keys import EnvironmentName
from schemas.observation_messages import observation_message
from schemas.observations import Answer, Approval, FreezeSet, KillSwitchSet
from schemas.orders import Held
from schemas.topics import Topic
from streams import clock
from streams.cli_parts import connected
from streams.hold_text import question, rows_of
from streams.kafka_log import LogWriter
from streams.settings import Settings, read_settings

if TYPE_CHECKING:
    # Opening the journal takes half a second to import: only who asks it waits for that.
    from feature_store.holds import OpenHold

HoldId = Annotated[str, typer.Argument(help="The hold's id or its beginning, as `suture holds` shows it.")]
By = Annotated[str, typer.Option(help="Who answers; default: the login name.")]
Why = Annotated[str, typer.Option(help="A reason, kept with the answer.")]
Environment = Annotated[str, typer.Option(help="Needed only while the journal does not know the hold yet.")]


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (approve, reject, holds, freeze, thaw):
        app.command()(command)
    app.command("hand-over")(hand_over)
    app.command("kill-switch")(kill_switch)


def approve(hold: HoldId, by: By = "", why: Why = "", environment: Environment = "") -> None:
    """Approve what waits for a human."""
    _answer(Answer.APPROVE, hold, by, why, environment)


def reject(hold: HoldId, by: By = "", why: Why = "", environment: Environment = "") -> None:
    """Reject what waits for a human."""
    _answer(Answer.REJECT, hold, by, why, environment)


def hand_over(
    hold: HoldId,
    name: Annotated[str, typer.Argument(help="Who is asked instead, by the policy's name.")],
    by: By = "",
    why: Why = "",
    environment: Environment = "",
) -> None:
    """Ask somebody else in one's place; the question stays open."""
    if not name.strip():
        raise SettingsError("nobody is named, expected one of the policy's people")
    _answer(Answer.HAND_OVER, hold, by, why, environment, to=name.strip())


def holds(
    long: Annotated[
        bool, typer.Option("--long", help="With what there is to know before one answers.")
    ] = False,
) -> None:
    """List what waits for a human."""
    from feature_store.holds import find_holds, read_holds
    from feature_store.views import connect

    now = clock.now()
    with connect(read_settings().journal) as connection:
        waiting = find_holds(connection, "", now)
        told = read_holds(connection, waiting) if long else []
    for held, changes in told:
        _show(held, changes, now)
    for hold in waiting if not long else ():
        typer.echo(
            f"{hold.hold}  {hold.environment}/{hold.service}  {hold.guard}: {hold.reason}"
            f"  (until {hold.expires_at:%H:%M:%S} UTC)"
        )
    if not waiting:
        typer.echo("nothing waits for a human")


def _show(held: Held, changes: tuple[HoldChanged, ...], now: datetime) -> None:
    """Print a question with all that is told about it, each line within the terminal's width."""
    width = max(60, min(shutil.get_terminal_size().columns, 110))
    typer.secho(held.id, bold=True, nl=False)
    typer.echo(f"  {held.environment}/{held.service}")
    typer.echo(textwrap.fill(question(held), width, initial_indent="  ", subsequent_indent="  "))
    for title, lines in rows_of(held, changes, now):
        for number, line in enumerate(lines):
            beginning = f"  {title if number == 0 else '':<18}"
            typer.echo(textwrap.fill(line, width, initial_indent=beginning, subsequent_indent=" " * 20))
    typer.echo()


def freeze(
    environment: Annotated[str, typer.Argument(help="Environment in which nothing is to be done.")],
    duration: Annotated[str, typer.Option("--for", help="How long, such as 2h or 45m.")] = "1h",
    by: By = "",
    why: Why = "",
) -> None:
    """Let nothing be done in an environment for a while; judging goes on."""
    at = clock.now()
    try:
        length: timedelta = from_python(PositiveDuration, duration)
    except SchemaError as error:
        raise SettingsError(f"--for is {duration!r}, expected a duration such as 45m or 1h30m") from error
    body = FreezeSet(environment=EnvironmentName(environment), until=at + length, by=_who(by), at=at, why=why)
    _send(connected(read_settings()), environment, body)
    typer.echo(f"{environment} is frozen until {at + length:%Y-%m-%d %H:%M:%S} UTC")


def thaw(environment: Annotated[str, typer.Argument()], by: By = "", why: Why = "") -> None:
    """Lift a freeze."""
    at = clock.now()
    body = FreezeSet(environment=EnvironmentName(environment), until=at, by=_who(by), at=at, why=why)
    _send(connected(read_settings()), environment, body)
    typer.echo(f"{environment} is no longer frozen")


def kill_switch(
    environment: Annotated[
        str, typer.Argument(help="Environment in which every action stops; none with --here.")
    ] = "",
    on: Annotated[bool, typer.Option("--on/--off", help="On stops every action.")] = True,
    here: Annotated[
        bool, typer.Option("--here", help="Write or remove the executors' kill file, without Kafka.")
    ] = False,
    by: By = "",
    why: Why = "",
) -> None:
    """Stop every action in an environment, or of the executors that see a file; or let them go on."""
    if here == bool(environment):
        raise SettingsError("expected an environment, or --here for this installation's kill file")
    if here:
        _kill_here(read_settings().kill_switch, is_on=on, by=_who(by), why=why)
        return
    body = KillSwitchSet(
        environment=EnvironmentName(environment), is_on=on, by=_who(by), at=clock.now(), why=why
    )
    _send(connected(read_settings()), environment, body)
    typer.echo(f"kill switch of {environment} is {'on' if on else 'off'}")


def _kill_here(path: Path, *, is_on: bool, by: str, why: str) -> None:
    try:
        if is_on:
            kill_file.switch_on(path, by=by, why=why, at=clock.now())
        else:
            kill_file.switch_off(path)
    except OSError as error:
        raise SettingsError(f"{path} cannot be changed: {error.strerror}") from error
    changes = "no executor that sees it changes anything" if is_on else "executors that see it act again"
    typer.echo(f"kill switch in {path} is {'on' if is_on else 'off'}: {changes}")


def _answer(answer: Answer, hold: str, by: str, why: str, environment: str, to: str = "") -> None:
    settings = connected(read_settings())
    found = None if environment else _known(settings, hold)
    body = Approval(
        environment=EnvironmentName(found.environment if found else environment),
        hold=found.hold if found else hold,
        answer=answer,
        by=_who(by),
        channel="cli",
        at=clock.now(),
        why=why,
        to=to,
    )
    _send(settings, body.environment, body)
    what = f"{found.environment}/{found.service}: {found.reason}" if found else hold
    typer.echo(f"{answer.value.replace('_', ' ')}{f' to {to}' if to else ''} sent for {what}")


def _known(settings: Settings, hold: str) -> "OpenHold":
    from feature_store.holds import find_holds
    from feature_store.views import connect

    with connect(settings.journal) as connection:
        found = find_holds(connection, hold)
    if len(found) == 1:
        return found[0]
    if not found:
        raise SettingsError(
            f"the journal in {settings.journal} knows no hold {hold!r}, expected an id that `suture holds` "
            "shows, or --environment with the whole id"
        )
    raise SettingsError(f"{hold!r} fits {len(found)} holds, expected more of its id")


def _send(settings: Settings, environment: str, body: Approval | FreezeSet | KillSwitchSet) -> None:
    with LogWriter(settings.bootstrap, settings.prefix) as writer:
        writer.send(observation_message(Topic.ENVIRONMENT_OBSERVATIONS, environment, body))
        writer.flush()


def _who(by: str) -> str:
    return by or getpass.getuser()
