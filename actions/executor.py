"""The executor's core: carries a command out once, however often it comes, and reads the world back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from actions.actuator import Actuator, Progress
from actions.errors import (
    HandedOverError,
    NotAllowedActionError,
    PermanentActionError,
    RefusedActionError,
    ReportedElsewhereError,
    TransientActionError,
)
from actions.fence import fenced
from actions.ledger import Ledger
from actions.signing import KeyRing
from schemas.codec import from_json
from schemas.keys import NO_TEMPLATE, TemplateHash, derived_id
from schemas.orders import RUNBOOKS, Command, CommandKind, Outcome, OutcomeKind
from schemas.releases import TargetKind
from schemas.verbs import Ownership

T = TypeVar("T")

_REPEATS = 2
"""Times that a change is made again which a sync took back that had begun before it was stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the executor tries and waits.

    Attributes:
        first_retry: Pause after the first failure that may pass; doubles with each one.
        longest_retry: It doubles no further.
        poll: Pause between two looks at a rollout.
        rollout: A change that has not taken effect after so long has failed, unless the command itself
            says how long it may take. Shorter than what a service takes to start calls good undos
            failed; longer pages late.
        not_allowed: How long a missing right is believed to be a server that has just started and has not
            read its roles yet. Shorter fails commands that its restart meets; longer pages late.
    """

    first_retry: timedelta = timedelta(seconds=0.5)
    longest_retry: timedelta = timedelta(seconds=15)
    poll: timedelta = timedelta(seconds=0.5)
    rollout: timedelta = timedelta(minutes=10)
    not_allowed: timedelta = timedelta(seconds=15)


class Executor:
    """Carries commands out.

    Args:
        actuators: What changes each kind of target.
        runbooks: What carries out each kind of `RUNBOOKS`, whatever the target.
        keys: Keys that may sign commands.
        clock: Returns the present instant, aware.
        sleep: Waits so many seconds.
        ledger: What became of commands.
        clusters: Names of the clusters that this executor serves.
        patience: How long it tries and waits.
        kill_switch: Says why nothing may be changed now, "" when it may. Asked right before each change;
            what is changed already is read back to its end, never half undone.
    """

    def __init__(
        self,
        *,
        actuators: Mapping[TargetKind, Actuator],
        keys: KeyRing,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        ledger: Ledger,
        clusters: frozenset[str],
        runbooks: Mapping[CommandKind, Actuator] | None = None,
        patience: Patience | None = None,
        kill_switch: Callable[[], str] = lambda: "",
    ) -> None:
        self._actuators = actuators
        self._runbooks = runbooks or {}
        self._kill_switch = kill_switch
        self._keys = keys
        self._clock = clock
        self._sleep = sleep
        self._ledger = ledger
        self._clusters = clusters
        self._patience = patience or Patience()

    def verify(self, value: bytes, signature: bytes | None) -> Command:
        """Return the command in a signed value.

        Raises:
            SignatureError: nobody who is known here signed it.
            SchemaError: it is signed, and no command.
        """
        self._keys.verify(value, signature)
        return from_json(Command, value)

    def execute(self, command: Command) -> Outcome:
        """Return the outcome of a command; one that ended before gives the same outcome again.

        Blocks until the change has taken effect, has failed, or took longer than it may.
        Anything but an action error is a bug, and gets through.
        """
        known = self._ledger.outcome(command.id)
        if known is not None:
            return known
        outcome = self._attempt(command)
        self._ledger.record(outcome)
        # The first one stays: two executors may hold one command, and it has one outcome.
        return self._ledger.outcome(command.id) or outcome

    def _attempt(self, command: Command) -> Outcome:
        run = _Run(command, self._clock())
        try:
            actuator = self._actuator(command)
            return self._rehearse(run, actuator) if command.is_rehearsal else self._carry_out(run, actuator)
        except RefusedActionError as error:
            return run.ended(OutcomeKind.REFUSED, str(error), self._clock())
        except HandedOverError as error:
            run.ownership = error.ownership
            return run.ended(OutcomeKind.HANDED_OVER, str(error), self._clock())
        except PermanentActionError as error:
            run.log_tail = error.log_tail
            run.ownership = error.ownership or run.ownership
            return run.ended(OutcomeKind.FAILED, str(error), self._clock())
        except (TransientActionError, ReportedElsewhereError) as error:
            return run.ended(OutcomeKind.FAILED, str(error), self._clock())

    def _actuator(self, command: Command) -> Actuator:
        """Return what changes the command's target, or runs its runbook.

        Raises:
            RefusedActionError: the target is not this executor's.
        """
        target = command.target
        if target.cluster not in self._clusters:
            served = ", ".join(sorted(self._clusters))
            raise RefusedActionError(
                f"{target.key} is in cluster {target.cluster}, this executor serves {served}"
            )
        if command.kind in RUNBOOKS:
            runbook = self._runbooks.get(command.kind)
            if runbook is None:
                able = ", ".join(sorted(self._runbooks)) or "no runbooks"
                raise RefusedActionError(
                    f"{command.kind} for {target.key}: this executor's installation lists {able}"
                )
            return runbook
        actuator = self._actuators.get(target.kind)
        if actuator is None:
            served = ", ".join(sorted(self._actuators))
            raise RefusedActionError(f"{target.key} is a {target.kind}, this executor changes {served}")
        return actuator

    def _carry_out(self, run: "_Run", actuator: Actuator) -> Outcome:
        command = run.command
        progress = self._first_look(run, actuator)
        if progress.is_set:
            # Also when the command is stale: an executor that died after the change finds it done.
            done = self._wait(run, actuator)
            return run.ended(OutcomeKind.ALREADY_DONE, f"nothing to change: {done.detail}", self._clock())
        tries = 0

        def act() -> str:
            nonlocal tries
            stopped = self._forbidden(command)
            if not stopped:
                tries += 1
                fence = _Fence(lambda: self._require_unreported(command), lambda: self._killed(command))
                try:
                    with fenced(fence.ask):
                        return actuator.carry_out(command)
                except _KilledError as error:
                    if fence.passed:
                        raise PermanentActionError(f"{error}, after a part of it was changed") from error
                    stopped = str(error)
            # A try that failed may have reached the world all the same.
            seen = run.saw(actuator.read_back(command)) if tries else progress
            if seen.is_set:
                return "an earlier try had changed it"
            if seen.is_begun:
                raise PermanentActionError(f"{stopped}; {seen.detail}", seen.log_tail)
            raise RefusedActionError(f"{stopped}; {seen.detail}")

        changed = self._insist(act, command.expires_at)
        for _ in range(_REPEATS):
            done = self._wait(run, actuator, is_repeatable=True)
            if done.is_set:
                break
            changed = f"{changed}; written over by a late sync; {self._insist(act, command.expires_at)}"
        else:
            done = self._wait(run, actuator)
        return run.ended(OutcomeKind.DONE, f"{changed}; {done.detail}", self._clock())

    def _rehearse(self, run: "_Run", actuator: Actuator) -> Outcome:
        """Return what the same command would come to, without the change."""
        command = run.command
        progress = self._first_look(run, actuator)
        if progress.is_set:
            return run.ended(OutcomeKind.REHEARSED, f"nothing to change: {progress.detail}", self._clock())

        def rehearse() -> str:
            if forbidden := self._forbidden(command):
                raise RefusedActionError(forbidden)
            return actuator.rehearse(command)

        text = self._insist(rehearse, command.expires_at)
        return run.ended(OutcomeKind.REHEARSED, f"would change: {text}", self._clock())

    def _first_look(self, run: "_Run", actuator: Actuator) -> Progress:
        command = run.command
        tries = 0

        def look() -> Progress:
            nonlocal tries
            if tries and (forbidden := self._forbidden(command)):
                raise RefusedActionError(forbidden)
            tries += 1
            return actuator.read_back(command)

        progress = self._insist(look, max(command.expires_at, run.started_at))
        run.before = progress.template
        return run.saw(progress)

    def _forbidden(self, command: Command) -> str:
        """Return why the command must change nothing any more; "" while it may."""
        if killed := self._killed(command):
            return killed
        now = self._clock()
        if now >= command.expires_at:
            return f"the command expired at {command.expires_at}, it is {now}"
        return ""

    def _killed(self, command: Command) -> str:
        reason = self._kill_switch()
        return f"{command.kind} of {command.target.key}: the kill switch is on: {reason}" if reason else ""

    def _require_unreported(self, command: Command) -> None:
        """Go on when nobody has reported the command.

        Raises:
            ReportedElsewhereError: another executor has.
        """
        if self._ledger.outcome(command.id) is not None:
            raise ReportedElsewhereError(
                f"{command.kind} of {command.target.key}: another executor has reported it"
            )

    def _wait(self, run: "_Run", actuator: Actuator, *, is_repeatable: bool = False) -> Progress:
        """Return once the change has taken effect, or was taken back and may be made again.

        Raises:
            PermanentActionError: it failed, somebody else changed the target, or it took too long.
        """
        timeout = timedelta(seconds=run.command.timeout_s) or self._patience.rollout
        deadline = self._clock() + timeout
        while True:
            progress = run.saw(self._insist(lambda: actuator.read_back(run.command), deadline))
            if not progress.is_set:
                if is_repeatable and progress.is_taken_back:
                    return progress
                raise PermanentActionError(
                    f"somebody changed {run.command.target.key} in the meantime: {progress.detail}"
                )
            if progress.is_done:
                return progress
            if self._clock() >= deadline:
                raise PermanentActionError(
                    f"{run.command.kind} of {run.command.target.key} is not complete after {timeout}: "
                    f"{progress.detail}"
                )
            self._sleep(max(self._patience.poll.total_seconds(), progress.look_again_s))

    def _insist(self, act: Callable[[], T], deadline: datetime) -> T:
        """Return what the act returns, trying again after errors that may pass until the deadline."""
        pause = self._patience.first_retry
        tries = 0
        allowed_by: datetime | None = None
        while True:
            tries += 1
            try:
                return act()
            except NotAllowedActionError:
                now = self._clock()
                allowed_by = allowed_by or min(now + self._patience.not_allowed, deadline)
                if now >= allowed_by:
                    raise
                wait = min(pause, allowed_by - now)
            except TransientActionError as error:
                wait = max(pause, timedelta(seconds=error.retry_after_s or 0))
                if self._clock() + wait >= deadline:
                    final = PermanentActionError(f"{error} (after {tries} tries, until {deadline})")
                    # What an owner was told outlasts the attempt that failed.
                    final.ownership = error.ownership
                    raise final from error
            self._sleep(wait.total_seconds())
            pause = min(pause * 2, self._patience.longest_retry)


class _KilledError(RefusedActionError):
    """The kill switch came on while a change was being made."""


class _Fence:
    """Asked before each write of a change; counts those that it let through.

    Args:
        require: Raises when another executor has reported the command.
        killed: Says why nothing may be written; "" when it may.
    """

    def __init__(self, require: Callable[[], None], killed: Callable[[], str]) -> None:
        self._require, self._killed = require, killed
        self.passed = 0

    def ask(self) -> None:
        """Let a write through, or raise.

        The kill switch is asked before and after: with the broker down the other question waits for it,
        and the switch may have come on by then.
        """
        self._ask_kill_switch()
        self._require()
        self._ask_kill_switch()
        self.passed += 1

    def _ask_kill_switch(self) -> None:
        if killed := self._killed():
            raise _KilledError(killed)


class _Run:
    """One command on its way, with what was seen of its target so far."""

    def __init__(self, command: Command, started_at: datetime) -> None:
        self.command = command
        self.started_at = started_at
        self.before: TemplateHash = NO_TEMPLATE
        self.after: TemplateHash = NO_TEMPLATE
        self.log_tail: tuple[str, ...] = ()
        self.ownership: Ownership | None = None

    def saw(self, progress: Progress) -> Progress:
        """Remember what a look at the world showed."""
        self.after = progress.template
        self.log_tail = progress.log_tail
        self.ownership = progress.ownership or self.ownership
        return progress

    def ended(self, kind: OutcomeKind, detail: str, at: datetime) -> Outcome:
        """Return the outcome; its id hangs on the command alone."""
        return replace(
            failed(self.command, detail, self.started_at, at),
            kind=kind,
            template_before=self.before,
            template_after=self.after,
            log_tail=self.log_tail,
            ownership=self.ownership,
        )


def failed(command: Command, detail: str, started_at: datetime, at: datetime) -> Outcome:
    """Return the outcome of a command that failed before anything was seen of its target."""
    return Outcome(
        id=derived_id("outcome", command.id),
        command=command.id,
        kind=OutcomeKind.FAILED,
        command_kind=command.kind,
        release=command.release,
        environment=command.environment,
        service=command.service,
        target=command.target,
        started_at=started_at,
        at=at,
        detail=detail,
        remedy=command.remedy,
        awaited=command.awaited,
    )
