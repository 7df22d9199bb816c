"""Plays one schedule: delivers, kills, lets rivals write, and keeps what happened in its true order.

One executor goes on at a time, so the order of all writes is known; one that lost its target may stand
still for a while, as a process does that was stopped. A log is played, too: a command is dealt with when its
outcome is written and its place committed; a successor starts at the place that was committed last. An
executor that the group took the target from is not told, and carries on.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.schedule_executors import GO, LOSE, After, Before, Hand, MakeExecutor, Question
from bench.schedule_plan import REPORT, Blow, Moment, Plan
from bench.schedule_stage import Stage, State
from schemas.orders import Command, CommandKind, Outcome

_MOST_STEPS = 20_000
_MOST_HANDS = 3
_LONGEST_SLEEP = 4
"""Outcomes of its successor through which an executor that lost its target may stand still."""


@dataclass(frozen=True, slots=True)
class Write:
    """A write that the server accepted.

    Attributes:
        command: Which command it was for, counted from 0; None for a rival's.
        what: The kind of object that was written.
        after: The state after it.
    """

    command: int | None
    what: str
    after: State


@dataclass
class Story:
    """What happened.

    Attributes:
        commands: As they were given.
        writes: In the order in which the server accepted them.
        outcomes: As they stand on the log, repeats included.
        said_at: For each outcome, how many writes there were before it.
        heard: For each outcome, how many others stood on the log when its executor asked last.
        last: The state in the end, as the server has it.
        changes: How often the Deployment's specification was changed, as its generation says.
        jobs: Commands whose Job is there.
        happened: What went wrong, with how often.
        executions: Of commands, by whichever executor.
        requests: Of all executors.
    """

    plan: Plan
    commands: list[Command]
    writes: list[Write] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    said_at: list[int] = field(default_factory=list)
    heard: list[int] = field(default_factory=list)
    last: State = field(default_factory=State)
    changes: int = 0
    jobs: list[int] = field(default_factory=list)
    happened: dict[Blow, int] = field(default_factory=dict)
    executions: int = 0
    requests: int = 0


def play(plan: Plan, stage: Stage, kubeconfig: Path, make: MakeExecutor) -> Story:
    """Play a schedule to its end, and return what happened.

    Raises:
        RuntimeError: an executor died by itself or fell silent, or it does not end.
    """
    stage.prepare()
    commands = [stage.command(order, number) for number, order in enumerate(plan.orders)]
    player = _Player(plan, stage, kubeconfig, make, Story(plan, commands))
    try:
        player.run()
    finally:
        player.close()
    story = player.story
    story.last, story.changes = stage.seen(), stage.changes()
    story.jobs = [number for number, command in enumerate(commands) if stage.has_job(command)]
    stage.clear()
    return story


class _Player:
    def __init__(self, plan: Plan, stage: Stage, kubeconfig: Path, make: MakeExecutor, story: Story) -> None:
        self.story = story
        self._plan, self._stage = plan, stage
        self._kubeconfig, self._make = kubeconfig, make
        self._chance = random.Random(plan.seed)
        self._hands: list[Hand] = []
        self._committed = 0
        self._state = State()

    def run(self) -> None:
        self._take_over()
        for _ in range(_MOST_STEPS):
            if not self._hands:
                return
            said = len(self.story.outcomes)
            awake = [hand for hand in self._hands if hand.sleeps_until <= said]
            self._step(self._chance.choice(awake or self._hands))
        raise RuntimeError(f"the schedule of seed {self._plan.seed} does not end")

    def close(self) -> None:
        for hand in self._hands:
            hand.end()

    def _take_over(self) -> None:
        """Start an executor where the log was committed last; it owns the target from now on."""
        hand = Hand(self._kubeconfig, self._make, self._committed)
        self._hands.append(hand)
        self._deliver(hand)

    def _deliver(self, hand: Hand) -> None:
        if hand.position >= len(self._plan.lane):
            self._hands.remove(hand)
            hand.end()
            return
        hand.execute(self.story.commands[self._plan.lane[hand.position]], self.story.executions)
        self.story.executions += 1

    def _step(self, hand: Hand) -> None:
        match hand.waiting:
            case Question() as question:
                hand.heard = len(self.story.outcomes)
                self._go_on(hand, self.story.outcomes[question.known :])
            case Before():
                hand.requests += 1
                self.story.requests += 1
                self._meet(hand, Moment(hand.attempt, hand.requests, is_after=False))
            case After():
                self._meet(hand, Moment(hand.attempt, hand.requests, is_after=True))
            case Outcome() as outcome:
                self._report(hand, outcome)
            case None:
                raise RuntimeError("an executor waits with nothing")

    def _go_on(self, hand: Hand, answer: object) -> None:
        hand.reply(answer)
        if isinstance(hand.waiting, After) and hand.waiting.is_write and hand.waiting.is_accepted:
            # Now, and not when its turn comes: others may read it before.
            self._keep(hand, hand.waiting.path)

    def _meet(self, hand: Hand, moment: Moment) -> None:
        """Let a request go on, after whatever happens at the moment."""
        blow = self._plan.blows.get(moment)
        if blow is None:
            self._go_on(hand, GO)
            return
        self._count(blow)
        match blow:
            case Blow.KILL:
                self._kill(hand)
            case Blow.UNHEARD | Blow.LOST:
                self._go_on(hand, LOSE)
            case Blow.TAKEN_OVER:
                if len(self._hands) < _MOST_HANDS:
                    hand.sleeps_until = len(self.story.outcomes) + self._chance.randint(0, _LONGEST_SLEEP)
                    self._take_over()
                self._go_on(hand, GO)
            case Blow.LABELS | Blow.DEPLOYS | Blow.PAUSES | Blow.SETS:
                self._state = self._stage.strike(blow, self._state)
                self.story.writes.append(Write(None, blow, self._state))
                self._go_on(hand, GO)

    def _report(self, hand: Hand, outcome: Outcome) -> None:
        if self._is_killed_at(Moment(hand.attempt, REPORT, is_after=False)):
            self._kill(hand)
            return
        self.story.outcomes.append(outcome)
        self.story.said_at.append(len(self.story.writes))
        self.story.heard.append(hand.heard)
        if self._is_killed_at(Moment(hand.attempt, REPORT, is_after=True)):
            self._kill(hand)
            return
        # Who lost the target commits all the same: that only makes its successor hear commands again.
        hand.position += 1
        self._committed = hand.position
        self._deliver(hand)

    def _is_killed_at(self, moment: Moment) -> bool:
        blow = self._plan.blows.get(moment)
        if blow is not None:
            self._count(blow)
        return blow is Blow.KILL

    def _kill(self, hand: Hand) -> None:
        is_owner = hand is self._hands[-1]
        self._hands.remove(hand)
        hand.end()
        if is_owner:
            self._take_over()

    def _count(self, blow: Blow) -> None:
        self.story.happened[blow] = self.story.happened.get(blow, 0) + 1

    def _keep(self, hand: Hand, path: str) -> None:
        number = self._plan.lane[hand.position]
        command = self.story.commands[number]
        what = path.split("/namespaces/")[1].split("/")[1]
        self._state = _after(self._state, command, what)
        self.story.writes.append(Write(number, what, self._state))


def _after(state: State, command: Command, what: str) -> State:
    """Return the state after a command's write."""
    if what == "configmaps" and command.config is not None:
        return replace(state, value=command.config.value)
    match command.kind:
        case CommandKind.UNDO:
            return replace(state, version="1", stamp="")
        case CommandKind.PAUSE | CommandKind.RESUME:
            return replace(state, is_paused=command.kind is CommandKind.PAUSE)
        case CommandKind.RESTART | CommandKind.SET_CONFIG:
            return replace(state, stamp=command.issued_at.strftime("%Y-%m-%dT%H:%M:%SZ"))
        case _:
            return state
