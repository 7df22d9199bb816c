"""The executor's core: carries a command out once, however often it comes, and reads the world back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from actions.actuator import Actuator, Progress
from actions.errors import PermanentActionError, RefusedActionError, TransientActionError
from actions.ledger import Ledger
from actions.signing import KeyRing
from schemas.codec import from_json
from schemas.keys import NO_TEMPLATE, TemplateHash, derived_id
from schemas.orders import Command, Outcome, OutcomeKind
from schemas.releases import TargetKind

T = TypeVar("T")


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
    """

    first_retry: timedelta = timedelta(seconds=0.5)
    longest_retry: timedelta = timedelta(seconds=15)
    poll: timedelta = timedelta(seconds=0.5)
    rollout: timedelta = timedelta(minutes=10)


class Executor:
    """Carries commands out.

    Args:
        actuators: What changes each kind of target.
        keys: Keys that may sign commands.
        clock: Returns the present instant, aware.
        sleep: Waits so many seconds.
        ledger: What became of commands.
        clusters: Names of the clusters that this executor serves.
        patience: How long it tries and waits.
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
        patience: Patience | None = None,
    ) -> None:
        self._actuators = actuators
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
        Anything but the three action errors is a bug, and gets through.
        """
        known = self._ledger.outcome(command.id)
        if known is not None:
            return known
        outcome = self._attempt(command)
        self._ledger.record(outcome)
        return outcome

    def _attempt(self, command: Command) -> Outcome:
        run = _Run(command, self._clock())
        target = command.target
        if target.cluster not in self._clusters:
            served = ", ".join(sorted(self._clusters))
            return run.ended(
                OutcomeKind.REFUSED,
                f"{target.key} is in cluster {target.cluster}, this executor serves {served}",
                run.started_at,
            )
        actuator = self._actuators.get(target.kind)
        if actuator is None:
            served = ", ".join(sorted(self._actuators))
            return run.ended(
                OutcomeKind.REFUSED,
                f"{target.key} is a {target.kind}, this executor changes {served}",
                run.started_at,
            )
        try:
            return self._carry_out(run, actuator)
        except RefusedActionError as error:
            return run.ended(OutcomeKind.REFUSED, str(error), self._clock())
        except PermanentActionError as error:
            run.log_tail = error.log_tail
            return run.ended(OutcomeKind.FAILED, str(error), self._clock())
        except TransientActionError as error:
            return run.ended(OutcomeKind.FAILED, str(error), self._clock())

    def _carry_out(self, run: "_Run", actuator: Actuator) -> Outcome:
        command = run.command
        latest_start = max(command.expires_at, run.started_at)
        progress = self._insist(lambda: actuator.read_back(command), latest_start)
        run.before = run.after = progress.template
        if progress.is_set:
            # Also when the command is stale: an executor that died after the change finds it done.
            done = self._wait(run, actuator)
            return run.ended(OutcomeKind.ALREADY_DONE, f"nothing to change: {done.detail}", self._clock())

        def act() -> str:
            now = self._clock()
            if now >= command.expires_at:
                raise RefusedActionError(f"the command expired at {command.expires_at}, it is {now}")
            return actuator.carry_out(command)

        changed = self._insist(act, command.expires_at)
        done = self._wait(run, actuator)
        return run.ended(OutcomeKind.DONE, f"{changed}; {done.detail}", self._clock())

    def _wait(self, run: "_Run", actuator: Actuator) -> Progress:
        """Return once the change has taken effect.

        Raises:
            PermanentActionError: it failed, somebody else changed the target, or it took too long.
        """
        timeout = timedelta(seconds=run.command.timeout_s) or self._patience.rollout
        deadline = self._clock() + timeout
        while True:
            progress = self._insist(lambda: actuator.read_back(run.command), deadline)
            run.after = progress.template
            if not progress.is_set:
                raise PermanentActionError(
                    f"somebody changed {run.command.target.key} in the meantime: {progress.detail}"
                )
            if progress.is_done:
                run.log_tail = progress.log_tail
                return progress
            if self._clock() >= deadline:
                raise PermanentActionError(
                    f"{run.command.kind} of {run.command.target.key} is not complete after {timeout}: "
                    f"{progress.detail}"
                )
            self._sleep(self._patience.poll.total_seconds())

    def _insist(self, act: Callable[[], T], deadline: datetime) -> T:
        """Return what the act returns, trying again after errors that may pass until the deadline."""
        pause = self._patience.first_retry
        tries = 0
        while True:
            tries += 1
            try:
                return act()
            except TransientActionError as error:
                wait = max(pause, timedelta(seconds=error.retry_after_s or 0))
                if self._clock() + wait >= deadline:
                    raise PermanentActionError(f"{error} (after {tries} tries, until {deadline})") from error
            self._sleep(wait.total_seconds())
            pause = min(pause * 2, self._patience.longest_retry)


class _Run:
    """One command on its way, with what was seen of its target so far."""

    def __init__(self, command: Command, started_at: datetime) -> None:
        self.command = command
        self.started_at = started_at
        self.before: TemplateHash = NO_TEMPLATE
        self.after: TemplateHash = NO_TEMPLATE
        self.log_tail: tuple[str, ...] = ()

    def ended(self, kind: OutcomeKind, detail: str, at: datetime) -> Outcome:
        """Return the outcome; its id hangs on the command alone."""
        command = self.command
        return Outcome(
            id=derived_id("outcome", command.id),
            command=command.id,
            kind=kind,
            command_kind=command.kind,
            release=command.release,
            environment=command.environment,
            service=command.service,
            target=command.target,
            started_at=self.started_at,
            at=at,
            detail=detail,
            template_before=self.before,
            template_after=self.after,
            log_tail=self.log_tail,
        )
