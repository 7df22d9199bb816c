"""What must hold of every schedule, however it went.

A command may be carried out again when a rival took its change back before its executor's successor
looked: to the successor that is the state in which nothing was done yet. And of two executors that hold
one command each may put its outcome onto the log before it can hear of the other's: every reader takes the
first one. Both are counted, and no breach.
"""

from __future__ import annotations

from itertools import pairwise

from bench.schedule_plan import Blow
from bench.schedule_play import Story, Write
from bench.schedule_stage import State
from schemas.orders import Command, CommandKind, OutcomeKind

_DONE = (OutcomeKind.DONE, OutcomeKind.ALREADY_DONE)


def breaches(story: Story) -> list[str]:
    """Return what does not hold, in words; empty when all does."""
    return [*_doubles(story), *_late_writes(story), *_lost_outcomes(story), *_wrong_ends(story)]


def again_after_rival(story: Story) -> int:
    """Return how often a command was carried out again because a rival had taken its change back."""
    return sum(len(found) - 1 for _, found in _by_command(story) if len(found) > 1)


def crossed(story: Story) -> int:
    """Return how many outcomes differ from their command's first: both were on their way at once."""
    by_command = (
        [place for place, outcome in enumerate(story.outcomes) if outcome.command == command.id]
        for command in story.commands
    )
    return sum(story.heard[place] <= said[0] for said in by_command for place in _otherwise(story, said))


def _by_command(story: Story) -> list[tuple[tuple[int, str], list[int]]]:
    """Return the places of the writes of each command to each kind of object."""
    found: dict[tuple[int, str], list[int]] = {}
    for place, write in enumerate(story.writes):
        if write.command is not None:
            found.setdefault((write.command, write.what), []).append(place)
    return list(found.items())


def _doubles(story: Story) -> list[str]:
    """Return the actions that were done twice without a rival in between who took the first one back."""
    found: list[str] = []
    for (number, what), places in _by_command(story):
        for first, again in pairwise(places):
            between = story.writes[first + 1 : again]
            if not any(_takes_back(write, story, number, what) for write in between):
                found.append(f"command {number} ({story.plan.orders[number]}) changed {what} twice")
    ours = sum(write.what == "deployments" for write in story.writes)
    rivals = sum(write.what in (Blow.DEPLOYS, Blow.PAUSES) for write in story.writes)
    if story.changes != ours + rivals:
        found.append(
            f"the Deployment was changed {story.changes} times, accepted were {ours} and {rivals} of rivals"
        )
    return found


def _takes_back(write: Write, story: Story, number: int, what: str) -> bool:
    """Return whether a rival's write left the state other than a command wants it."""
    return write.command is None and not _holds(story.commands[number], write.after, what)


def _holds(command: Command, state: State, what: str = "") -> bool:
    """Return whether a state is as a command says, as far as one kind of object goes."""
    stamp = command.issued_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    match command.kind:
        case CommandKind.UNDO:
            return (state.version, state.stamp) == ("1", "")
        case CommandKind.PAUSE | CommandKind.RESUME:
            return state.is_paused is (command.kind is CommandKind.PAUSE)
        case CommandKind.RESTART:
            return state.stamp >= stamp
        case CommandKind.SET_CONFIG if command.config is not None:
            is_value = what == "deployments" or state.value == command.config.value
            is_stamp = what == "configmaps" or command.config.restart is None or state.stamp >= stamp
            return is_value and is_stamp
        case _:
            return True


def _late_writes(story: Story) -> list[str]:
    """Return the writes of commands after a later command's: they undid what was ordered last."""
    found, newest = [], -1
    for write in story.writes:
        if write.command is not None:
            if write.command < newest:
                found.append(f"command {write.command} changed {write.what} after command {newest} had")
            newest = max(newest, write.command)
    return found


def _lost_outcomes(story: Story) -> list[str]:
    """Return the commands without an outcome, and outcomes that differ from what their executor had heard."""
    found = []
    for number, command in enumerate(story.commands):
        said = [place for place, outcome in enumerate(story.outcomes) if outcome.command == command.id]
        if not said:
            found.append(f"command {number} ({story.plan.orders[number]}) has no outcome")
        for place in _otherwise(story, said):
            if story.heard[place] > said[0]:
                first, other = story.outcomes[said[0]], story.outcomes[place]
                found.append(
                    f"command {number} ({story.plan.orders[number]}) is {first.kind}: {first.detail}; "
                    f"and {other.kind}: {other.detail}"
                )
    return found


def _otherwise(story: Story, said: list[int]) -> list[int]:
    """Return the places of outcomes that differ from the first one of their command."""
    return [place for place in said if story.outcomes[place] != story.outcomes[said[0]]]


def _wrong_ends(story: Story) -> list[str]:
    """Return where the end is not what was written last, or an outcome claims what never was."""
    found = []
    expected = story.writes[-1].after if story.writes else State()
    if story.last != expected:
        found.append(f"the end is {story.last}, expected {expected}")
    for outcome, place in zip(story.outcomes, story.said_at, strict=True):
        number = next(n for n, command in enumerate(story.commands) if command.id == outcome.command)
        states = [State(), *(write.after for write in story.writes[:place])]
        if outcome.kind in _DONE and not any(_holds(story.commands[number], state) for state in states):
            found.append(f"command {number} is {outcome.kind}, and never was so: {outcome.detail}")
    started = {write.command for write in story.writes if write.what == "jobs"}
    if started != set(story.jobs):
        found.append(
            f"Jobs are there of commands {story.jobs}, started were those of {sorted(started, key=str)}"
        )
    return found
