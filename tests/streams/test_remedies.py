"""From a failure that was seen to the playbook's last step: what the environment's state makes of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.effects import Effect
from schemas.failures import FailurePattern
from schemas.freeze_windows import FreezeWindow
from schemas.judgements import Recovery, RecoveryKind
from schemas.keys import TemplateHash
from schemas.observations import (
    Answer,
    FreezeSet,
    KillSwitchSet,
    OneWaySeen,
    OutcomeReported,
    TemplateSeen,
)
from schemas.orders import CommandKind, Decision, Denied, Guard, Held, OutcomeKind
from schemas.policy import Autonomy
from schemas.releases import TargetKind
from schemas.verbs import OwnerKind, Ownership, PausedSync
from streams.engine import Engine
from tests.builders import NEW, OLD, START, a_freeze, an_answer, an_outcome, minute, requests, said
from tests.streams.failing_site import CART, DEV, TARGET, Site, a_failure, a_policy, at, released
from tests.streams.world import ENVIRONMENTS


def test_a_crashed_pod_is_replaced_and_found_well_once_its_failure_stays_away() -> None:
    site, failure = Site(), a_failure()
    site.see(failure)
    site.tick(5)
    (command,) = site.commands
    assert (command.kind, command.pod and command.pod.pod) == (CommandKind.DELETE_POD, "cart-x")
    assert command.remedy is not None
    assert (command.remedy.playbook, command.remedy.failure) == ("restart-crashed-pod@1", failure.failure.id)
    site.end(6)
    site.clear(failure, 7)
    site.tick(10)
    assert said(site.heard, Recovery) == []
    site.tick(40)
    (recovery,) = said(site.heard, Recovery)
    assert (recovery.kind, recovery.first_bad_at, recovery.recovered_at) == (
        RecoveryKind.RECOVERED,
        at(0),
        at(7),
    )
    site.tick(4000)
    assert (len(site.commands), site.pages) == (1, [])


def test_every_failing_pod_is_replaced_one_after_the_other() -> None:
    site = Site()
    site.see(a_failure(pods=("cart-x", "cart-y")))
    site.tick(5)
    site.end(6)
    assert [command.pod and command.pod.pod for command in site.commands] == ["cart-x", "cart-y"]
    site.end(8)
    site.tick(20)
    assert len(site.commands) == 2


def test_a_step_that_does_not_help_is_followed_by_the_next_and_then_by_a_human() -> None:
    site = Site(a_policy(Autonomy.ALONE, remedy_budget=9))
    site.see(a_failure(FailurePattern.SATURATION, pods=()))
    site.tick(5)
    site.end(6)
    site.tick(100)
    assert len(site.commands) == 1
    site.tick(400)
    site.tick(405)
    assert [command.scaling and command.scaling.replicas for command in site.commands] == [6, 8]
    assert site.pages == []
    site.end(410)
    site.tick(900)
    (page,) = site.pages
    assert "step 'and again' did not help" in page.summary
    kinds = [recovery.kind for recovery in said(site.heard, Recovery)]
    assert kinds == [RecoveryKind.NOT_RECOVERED] * 2


def test_an_order_that_fails_goes_on_or_calls_a_human_once() -> None:
    site = Site()
    site.see(a_failure())
    site.tick(5)
    site.end(6, OutcomeKind.REFUSED)
    assert site.pages == []
    site.tick(10)
    (hold,) = said(site.heard, Held)
    assert (hold.guard, hold.command and hold.command.kind) == (Guard.APPROVAL, CommandKind.RESTART)
    cache = Site()
    cache.see(a_failure(FailurePattern.CACHE_FULL))
    cache.tick(5)
    cache.end(6, OutcomeKind.FAILED)
    cache.tick(600)
    assert len(cache.pages) == 1


def test_a_cache_gets_a_new_generation_that_is_the_failures_own() -> None:
    site, failure = Site(), a_failure(FailurePattern.CACHE_FULL)
    site.see(failure)
    site.tick(5)
    (command,) = site.commands
    assert (command.kind, command.target.kind) == (CommandKind.SET_CONFIG, TargetKind.CONFIG_MAP)
    assert command.config is not None
    assert (command.config.key, command.config.value) == ("CACHE_GENERATION", failure.failure.id)
    assert command.config.restart == TARGET


def test_a_failed_migration_is_run_again_from_its_cron_job() -> None:
    cron_job = replace(TARGET, kind=TargetKind.CRON_JOB, workload="cart-migrate")
    site = Site()
    site.see(a_failure(FailurePattern.MIGRATION_FAILED, target=cron_job, pods=()))
    site.tick(5)
    (command,) = site.commands
    assert (command.kind, command.target) == (CommandKind.RUN_JOB, cron_job)


def test_where_most_pods_crash_none_is_replaced_and_a_human_is_called_once_it_lasts() -> None:
    site = Site()
    site.see(a_failure(pods=("a", "b", "c")))
    site.tick(60)
    assert (site.commands, site.pages) == ([], [])
    site.tick(130)
    site.tick(200)
    assert site.commands == []
    (page,) = site.pages
    assert "75 % of the replicas fail" in page.summary


def test_a_failure_that_passes_before_a_human_answers_withdraws_the_question() -> None:
    site, failure = Site(a_policy(Autonomy.ASK)), a_failure()
    site.see(failure)
    site.tick(5)
    (hold,) = said(site.heard, Held)
    assert (site.commands, hold.guard) == ([], Guard.APPROVAL)
    site.clear(failure, 20)
    (denied,) = said(site.heard, Denied)
    assert (denied.guard, "is gone" in denied.reason) == (Guard.SUPERSEDED, True)


def test_an_approved_step_goes_out_and_a_rejected_one_ends_the_playbook() -> None:
    for answer, count in ((Answer.APPROVE, 1), (Answer.REJECT, 0)):
        site = Site(a_policy(Autonomy.ASK))
        site.see(a_failure())
        site.tick(5)
        (hold,) = said(site.heard, Held)
        site.heard += site.world.put("dev", an_answer(hold.id, answer, at(10), "dev"), ENVIRONMENTS)
        assert len(site.commands) == count
        if count:
            assert site.commands[0].approved_by == "ann via cli"
            site.end(12)
        site.tick(4000)
        assert len(site.commands) == count


def test_shadow_mode_says_what_it_would_do_and_a_dry_run_rehearses_it() -> None:
    shadow = Site(a_policy(Autonomy.SHADOW))
    shadow.see(a_failure())
    shadow.tick(5)
    (denied,) = said(shadow.heard, Denied)
    assert "would order delete_pod" in denied.reason
    dry = Site(a_policy(Autonomy.DRY_RUN))
    dry.see(a_failure())
    dry.tick(5)
    (command,) = dry.commands
    assert command.is_rehearsal
    dry.end(6, OutcomeKind.REHEARSED)
    dry.tick(4000)
    assert (shadow.commands, len(dry.commands), shadow.pages, dry.pages) == ([], 1, [], [])


@pytest.mark.parametrize("is_frozen", [True, False])
def test_a_freeze_and_the_kill_switch_put_a_playbook_off_until_they_are_lifted(is_frozen: bool) -> None:
    site = Site()
    switch = KillSwitchSet(environment=DEV, is_on=True, by="ann", at=START)
    site.world.put("dev", a_freeze(at(100), START) if is_frozen else switch, ENVIRONMENTS)
    site.see(a_failure())
    site.tick(5)
    site.tick(50)
    assert site.commands == []
    assert len(site.pages) == 1
    if not is_frozen:
        site.world.put("dev", replace(switch, is_on=False, at=at(90)), ENVIRONMENTS)
    site.tick(101)
    assert len(site.commands) == 1


def test_a_playbook_waits_in_silence_while_another_order_of_its_service_is_under_way() -> None:
    site = Site()
    site.see(a_failure())
    site.tick(5)
    site.see(a_failure(FailurePattern.CACHE_FULL))
    site.tick(10)
    assert (len(site.commands), site.pages) == (1, [])
    site.end(12)
    site.tick(15)
    assert [command.kind for command in site.commands] == [CommandKind.DELETE_POD, CommandKind.SET_CONFIG]
    assert site.pages == []


def test_a_freeze_window_of_the_policy_holds_until_it_ends_or_a_human_lifts_it() -> None:
    window = FreezeWindow(begins=f"{START:%H:%M}", lasts=timedelta(minutes=10), why="the market is open")
    policy = a_policy()
    rule = policy.rules["*/*"]
    frozen = replace(rule, gate=replace(rule.gate, freezes=(window,)))
    for lifted_at in (None, 100):
        site = Site(replace(policy, rules={"*/*": frozen}))
        site.see(a_failure())
        site.tick(5)
        (freeze,) = said(site.heard, FreezeSet)
        assert (freeze.by, freeze.until, freeze.why) == ("policy", at(600), "the market is open")
        if lifted_at:
            site.world.put("dev", a_freeze(START, at(lifted_at)), ENVIRONMENTS)
        site.tick(110)
        assert len(site.commands) == (1 if lifted_at else 0)
        site.tick(601)
        assert len(site.commands) == 1
        assert len(said(site.heard, FreezeSet)) == 1


def test_what_comes_back_within_the_cooldown_was_not_mended_and_waits_for_a_human() -> None:
    site, first, second = Site(), a_failure(), a_failure(name="f2", since=120)
    site.see(first)
    site.tick(5)
    site.end(6)
    site.clear(first, 7)
    site.tick(40)
    site.see(second)
    site.tick(125)
    assert len(site.commands) == 1
    (hold,) = said(site.heard, Held)
    assert hold.guard is Guard.COOLDOWN


def test_a_failure_that_comes_back_under_another_name_is_not_gone() -> None:
    site, first, second = Site(), a_failure(), a_failure(name="f2", since=15)
    site.see(first)
    site.tick(5)
    site.end(6)
    site.clear(first, 7)
    site.see(second)
    site.tick(40)
    assert said(site.heard, Recovery) == []


def test_steps_beyond_the_services_budget_wait_for_a_human() -> None:
    site = Site(a_policy(remedy_budget=1, cooldown=timedelta(0)))
    for number in (0, 1):
        failure = a_failure(name=f"f{number}", since=100 * number)
        site.see(failure)
        site.tick(100 * number + 5)
        if number == 0:
            site.end(6)
            site.clear(failure, 7)
            site.tick(60)
    assert len(site.commands) == 1
    (hold,) = said(site.heard, Held)
    assert hold.guard is Guard.BUDGET


def test_a_release_whose_own_pods_crash_is_taken_back() -> None:
    site = Site()
    released(site)
    site.see(a_failure(template=NEW, pods=("cart-n",)))
    site.tick(5)
    assert site.commands == []
    site.tick(25)
    (command,) = site.commands
    assert (command.kind, command.template, command.expected_template) == (CommandKind.UNDO, OLD, NEW)
    (decision,) = [one for one in said(site.heard, Decision) if one.failure]
    assert (decision.remedy, decision.confidence) == ("undo-release@1", 0.0)
    site.end(27)
    assert site.pages == []


def test_a_release_that_is_slow_to_get_ready_has_longer() -> None:
    site = Site()
    released(site)
    site.see(a_failure(FailurePattern.NOT_READY, template=NEW))
    site.tick(170)
    assert site.commands == []
    site.tick(185)
    assert [command.kind for command in site.commands] == [CommandKind.UNDO]


def test_a_crashing_release_asks_a_human_where_either_rollback_or_remedy_does() -> None:
    for policy in (a_policy(Autonomy.ASK), a_policy(Autonomy.ALONE, rollback=Autonomy.ASK)):
        site = Site(policy)
        released(site)
        site.see(a_failure(template=NEW))
        site.tick(25)
        assert site.commands == []
        (hold,) = said(site.heard, Held)
        assert hold.command is not None
        assert hold.command.kind is CommandKind.UNDO


@pytest.mark.parametrize("is_declared", [True, False])
def test_a_release_that_cannot_be_taken_back_is_held_with_the_way_forward(is_declared: bool) -> None:
    site = Site()
    if is_declared:
        released(site, one_way="drops the column price")
    else:
        released(site)
        site.see(
            OneWaySeen(environment=DEV, service=CART, version="2", reason="drops the column price", at=at(1))
        )
    site.see(a_failure(template=NEW))
    site.tick(25)
    assert site.commands == []
    (hold,) = said(site.heard, Held)
    assert (hold.guard, "drops the column price" in hold.reason) == (Guard.IRREVERSIBLE, True)
    assert hold.command is not None
    assert hold.command.kind is CommandKind.PAUSE
    site.heard += site.world.put("dev", an_answer(hold.id, Answer.APPROVE, at(30), "dev"), ENVIRONMENTS)
    (command,) = site.commands
    assert (command.kind, command.remedy and command.remedy.playbook) == (
        CommandKind.PAUSE,
        "roll-forward@1",
    )


def test_what_an_earlier_release_changed_for_good_does_not_bind_a_later_one() -> None:
    site = Site()
    for version, when in (("", -60.0), ("1", 1.0)):
        site.see(
            OneWaySeen(environment=DEV, service=CART, version=version, reason="drops price", at=at(when))
        )
    released(site)
    site.see(a_failure(template=NEW))
    site.tick(25)
    assert [command.kind for command in site.commands] == [CommandKind.UNDO]


def test_a_bad_canary_of_argo_is_aborted_and_then_undone_whatever_its_traffic_says() -> None:
    rollout = replace(TARGET, kind=TargetKind.ROLLOUT)
    site = Site()
    released(site, target=rollout)
    for number in range(4):
        end = minute(number + 1)
        samples = [entry for pod in "abc" for entry in requests(pod, end, errors=1)]
        samples += requests("d", end, errors=90, template=NEW)
        site.heard += site.world.serve(samples)
        site.tick(60 * (number + 1) + 5)
    (abort,) = site.commands
    assert (abort.kind, abort.remedy and abort.remedy.playbook) == (CommandKind.ABORT, "abort-canary@1")
    site.end(250)
    for number in range(5, 10):
        end = minute(number + 1)
        site.heard += site.world.serve([entry for pod in "abc" for entry in requests(pod, end, errors=1)])
        site.tick(60 * (number + 1) + 5)
    assert [(one.kind, one.template) for one in site.commands] == [
        (CommandKind.ABORT, OLD),
        (CommandKind.UNDO, OLD),
    ]
    assert site.pages == []


def test_a_template_that_is_put_back_pages_once_and_is_not_fought() -> None:
    site = Site()
    released(site)
    site.see(a_failure(template=NEW))
    site.tick(25)
    site.end(27)
    back = TemplateSeen(
        environment=DEV, service=CART, target=TARGET, template=TemplateHash(NEW), version="2", at=at(40)
    )
    site.see(replace(back, at=at(20)))
    site.see(replace(back, template=TemplateHash(OLD)))
    assert site.pages == []
    site.see(back)
    site.see(replace(back, at=at(50)))
    site.tick(100)
    (page,) = site.pages
    assert f"template {NEW} is back" in page.summary
    assert len(site.commands) == 1


def test_a_paused_owner_is_asked_at_each_leases_end_until_its_source_moved_on() -> None:
    site = Site()
    released(site)
    site.see(a_failure(template=NEW))
    site.tick(25)
    undo = site.commands[-1]
    paused = PausedSync(
        owner=OwnerKind.ARGO_CD,
        resource="Application",
        namespace="argocd",
        name="shop",
        revision="bad",
        until=at(627),
    )
    outcome = an_outcome(undo, at(27)).outcome
    owned = replace(outcome, ownership=Ownership(owner=OwnerKind.ARGO_CD, paused=(paused,)))
    site.heard += site.world.put("dev", OutcomeReported(outcome=owned), ENVIRONMENTS)
    site.tick(600)
    assert len(site.commands) == 1
    for number in (1, 2):
        site.tick(630 + 600 * number)
        look = site.commands[-1]
        assert (look.kind, look.paused) == (CommandKind.RESUME_SYNC, paused)
        assert len(site.commands) == 1 + number
        site.end(632 + 600 * number, OutcomeKind.REFUSED)
    assert len([page for page in site.pages if "stays paused" in page.summary]) == 1
    site.tick(2500)
    site.end(2502)
    site.tick(9000)
    assert len([one for one in site.commands if one.kind is CommandKind.RESUME_SYNC]) == 3


def test_stopping_and_restoring_anywhere_in_a_ladder_changes_nothing() -> None:
    def played(restores: bool) -> list[Effect]:
        site = Site(a_policy(remedy_budget=9))

        def again() -> None:
            if restores:
                for topic, engine in site.world.engines.items():
                    site.world.engines[topic] = Engine.restore(engine.snapshot())

        steps: list[Callable[[], object]] = [
            lambda: site.see(a_failure(FailurePattern.SATURATION, pods=())),
            lambda: site.tick(5),
            lambda: site.end(6),
            lambda: site.tick(400),
            lambda: site.tick(405),
            lambda: site.end(410),
            lambda: site.clear(a_failure(FailurePattern.SATURATION, pods=()), 420),
            lambda: site.tick(500),
        ]
        for step in steps:
            step()
            again()
        return site.heard

    assert played(restores=True) == played(restores=False)
