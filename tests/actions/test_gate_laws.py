"""Laws of the gate that hold after any story, restored from JSON at any point."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from actions import gate
from actions.gate import GateEffect, GateState
from schemas.approvals import HoldChanged
from schemas.codec import from_json, to_json
from schemas.judgements import VerdictKind
from schemas.keys import ReleaseId, TemplateHash
from schemas.observations import Answer, Approval, FreezeSet, KillSwitchSet
from schemas.orders import Command, CommandKind, Denied, Held, Outcome, OutcomeKind
from schemas.policy import Autonomy, GateSettings, Rule
from tests.actions.orders import NOW, OLD, PROD, a_decision, a_release, suspect

SERVICES = ("cart", "pay", "mail")
BUDGET = 3
Step = tuple[str, int, int]

steps = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "harm",
                "harm",
                "doubt",
                "health",
                "approve",
                "approve",
                "reject",
                "tick",
                "freeze",
                "kill",
                "end",
            ]
        ),
        st.integers(0, 6),
        st.integers(0, 6),
    ),
    min_size=15,
    max_size=50,
)


class Story:
    """Plays steps against a gate, and notes what came of them."""

    def __init__(self, autonomy: Autonomy, restores: bool) -> None:
        gates = GateSettings(
            rollback=autonomy, promote=autonomy, budget=BUDGET, cooldown=timedelta(minutes=5)
        )
        self.rule = Rule(gate=gates)
        self.restores = restores
        self.state = GateState(environment=PROD)
        self.now = NOW
        self.said: list[GateEffect] = []
        self.holds: list[Held] = []
        self.under_a_stop: list[GateEffect] = []

    def play(self, step: Step) -> None:
        what, which, minutes = step
        self.now += timedelta(minutes=minutes)
        if self.restores:
            self.state = from_json(GateState, to_json(self.state))
        effects = self._effects(what, which)
        self.said += effects
        self.holds += [effect for effect in effects if isinstance(effect, Held)]
        if self.state.is_killed or self.state.frozen_at(self.now):
            self.under_a_stop += effects

    def _effects(self, what: str, which: int) -> tuple[GateEffect, ...]:
        release = a_release(f"r{which}", SERVICES[which % 3], TemplateHash(f"t{which}"))
        match what:
            case "harm" | "doubt" | "elsewhere" | "health":
                kind = VerdictKind.HEALTHY if what == "health" else VerdictKind.HARMFUL
                other = a_release("other", "other")
                decision = a_decision(
                    release,
                    kind,
                    suspects=(suspect(other), suspect(release))
                    if what == "elsewhere"
                    else (suspect(release), suspect(other)),
                    is_clear=what != "doubt",
                    rule=self.rule,
                )
                return gate.admit(
                    self.state, decision, release, self.rule, rollback_template=OLD, now=self.now
                )
            case "approve" | "reject" if self.holds:
                hold = self.holds[-1 - which // 3 % len(self.holds)]
                answer = Answer(what)
                approval = Approval(
                    environment=PROD, hold=hold.id, answer=answer, by="ana", channel="cli", at=self.now
                )
                return gate.answer(self.state, {}, approval, self.now)
            case "freeze":
                until = self.now + timedelta(minutes=which * 5)
                gate.set_freeze(self.state, FreezeSet(environment=PROD, until=until, by="bob", at=self.now))
                return ()
            case "kill":
                gate.set_kill_switch(
                    self.state, KillSwitchSet(environment=PROD, is_on=which % 2 == 0, by="bob", at=self.now)
                )
                return ()
            case "end":
                orders = [effect for effect in self.said if isinstance(effect, Command)]
                if orders:
                    return gate.outcome(self.state, self._ended(orders[which % len(orders)], which), self.now)
                return gate.withdraw(self.state, ReleaseId(f"r{which}"), "superseded", self.now)
            case _:
                return gate.tick(self.state, self.now)

    def _ended(self, command: Command, which: int) -> Outcome:
        return Outcome(
            id=f"o-{command.id}",
            command=command.id,
            kind=list(OutcomeKind)[which % len(OutcomeKind)],
            command_kind=command.kind,
            release=command.release,
            environment=PROD,
            service=command.service,
            target=command.target,
            started_at=self.now,
            at=self.now,
            detail="as told",
        )


def played(autonomy: Autonomy, story: list[Step], restores: bool = False) -> Story:
    told = Story(autonomy, restores)
    for step in story:
        told.play(step)
    return told


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(list(Autonomy)), steps)
def test_the_gate_keeps_its_laws_in_every_story(autonomy: Autonomy, story: list[Step]) -> None:
    told = played(autonomy, story)
    ordered = [effect for effect in told.said if isinstance(effect, Command)]
    assert all(command.is_rehearsal is (autonomy is Autonomy.DRY_RUN) for command in ordered)
    commands = [command for command in ordered if not command.is_rehearsal]
    ids = [command.id for command in commands]
    assert len(dict.fromkeys(ids)) == len(ids), "one release is undone, or promoted, once"
    assert not any(isinstance(effect, Command) for effect in told.under_a_stop)
    assert all(command.expires_at > command.issued_at for command in commands)
    undone = {command.release: True for command in commands if command.kind is CommandKind.UNDO}
    for command in commands:
        if command.kind is CommandKind.PROMOTE and command.release in undone:
            back = next(one for one in commands if one.release == command.release and one is not command)
            assert ids.index(command.id) < ids.index(back.id), "what was taken back is not promoted"
    if autonomy is Autonomy.SHADOW:
        assert commands == []
    if autonomy is Autonomy.ASK:
        assert all(command.approved_by == "ana via cli" for command in commands)
    ends = [one.hold for one in told.said if isinstance(one, HoldChanged) and one.change.is_end]
    assert len(dict.fromkeys(ends)) == len(ends), "a question ends once"
    asked = [one.id for one in told.said if isinstance(one, Held) and one.command is not None]
    assert sorted([*ends, *told.state.holds]) == sorted(dict.fromkeys(asked)), "and each one does"
    for end in (effect for effect in told.said if isinstance(effect, Denied | Held)):
        assert end.reason
    alone = [one for one in commands if one.kind is CommandKind.UNDO and not one.approved_by]
    for index, command in enumerate(alone):
        window = command.issued_at - told.rule.gate.budget_window
        assert sum(one.issued_at > window for one in alone[: index + 1]) <= BUDGET


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(list(Autonomy)), steps)
def test_stopping_and_restoring_between_any_two_steps_changes_nothing(
    autonomy: Autonomy, story: list[Step]
) -> None:
    told, restored = played(autonomy, story), played(autonomy, story, restores=True)
    assert restored.said == told.said
    assert to_json(restored.state) == to_json(told.state)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(Autonomy)), steps)
def test_a_quiet_month_forgets_everything_but_the_newest_word(autonomy: Autonomy, story: list[Step]) -> None:
    told = played(autonomy, story)
    for _ in range(2):
        told.now += timedelta(days=30)
        gate.tick(told.state, told.now)
    state = told.state
    assert [*state.holds, *state.orders, *state.restored, *state.undone] == []
