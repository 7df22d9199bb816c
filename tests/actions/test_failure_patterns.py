"""What a real cluster told of pods that fail becomes failures: once each, and over when it is proven."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.cluster_objects import ContainerSeen, Ended, ObjectReader, PodSeen
from actions.cluster_view import ClusterView
from actions.failure_book import FailureBook
from actions.failure_patterns import (
    LONGEST_PROOF,
    Condition,
    Patience,
    condition,
    find,
    proof,
    well_since,
)
from schemas.failures import Failure, FailurePattern
from schemas.observations import FailureCleared, FailureSeen
from tests.actions.cluster_recording import (
    SECOND,
    empty_view,
    instant_of,
    jobs,
    pods,
    recorded,
    surroundings,
    told,
)

PATIENCE = Patience()
HOUR = timedelta(hours=1)


def last(name: str) -> tuple[PodSeen, datetime]:
    """Return a pod as it was told last, and when."""
    return pods(name)[-1], instant_of(recorded("pods", name)[-1])


def view_of(*seen: PodSeen, is_last: bool = False) -> ClusterView:
    view = surroundings(empty_view(), is_last=is_last)
    view.pods = {pod.uid: pod for pod in seen}
    return view


def seen_of(name: str, book: FailureBook | None = None) -> list[Failure]:
    return [one.failure for one in told(name, book or FailureBook()) if isinstance(one, FailureSeen)]


def a_looping_pod() -> PodSeen:
    waits = (pod for pod in pods("crash") if pod.containers and pod.containers[0].waiting)
    return next(pod for pod in waits if pod.containers[0].waiting == "CrashLoopBackOff")


@pytest.mark.parametrize(
    ("name", "pattern", "words"),
    [
        ("crash", FailurePattern.CRASH_LOOP, "container web ends with exit code 1, 1 restart"),
        ("oom", FailurePattern.OOM_KILLED, "container web was killed for its memory"),
        ("gone", FailurePattern.IMAGE_PULL, "the image of container web cannot be had: ErrImageNeverPull"),
        ("invalid", FailurePattern.IMAGE_PULL, "cannot be had: InvalidImageName"),
    ],
)
def test_a_pod_that_fails_is_one_failure_however_often_it_restarts(
    name: str, pattern: FailurePattern, words: str
) -> None:
    (failure,) = seen_of(name)
    assert (failure.pattern, failure.service, failure.target.workload) == (pattern, name, name)
    assert (failure.failing, failure.replicas, len(failure.pods)) == (1, 1, 1)
    assert failure.version == "1.4.2"
    assert failure.template in failure.pods[0].name
    assert words in failure.detail


def test_a_pod_that_is_well_and_pods_of_jobs_are_no_failures() -> None:
    assert seen_of("good") == []
    assert seen_of("migrate") == []


def test_a_pod_that_hangs_is_a_failure_after_a_minute_and_not_before() -> None:
    pod, _ = last("notready")
    began = pod.containers[0].running_since
    assert began is not None
    assert find(pod, began + PATIENCE.not_ready - SECOND, PATIENCE) is None
    found = find(pod, began + PATIENCE.not_ready, PATIENCE)
    assert found is not None
    assert (found.pattern, found.since) == (FailurePattern.NOT_READY, began)


def test_a_loop_that_runs_for_a_moment_between_two_crashes_goes_on() -> None:
    said = list(told("crash", FailureBook()))
    restarts = max(container.restarts for pod in pods("crash") for container in pod.containers)
    assert restarts >= 4
    assert sum(isinstance(one, FailureCleared) for one in said) == 0
    assert sum(isinstance(one, FailureSeen) for one in said) == 1


def test_whoever_looks_first_at_any_moment_of_a_loop_calls_it_so_after_three_restarts() -> None:
    for event, pod in zip(recorded("pods", "crash"), pods("crash"), strict=True):
        if pod.going_at is None and pod.containers and pod.containers[0].restarts >= 3:
            found = find(pod, instant_of(event), PATIENCE)
            assert found is not None
            assert found.pattern is FailurePattern.CRASH_LOOP


def test_a_loop_is_over_when_its_container_has_proven_itself() -> None:
    looping = a_looping_pod()
    before = looping.containers[0].before
    assert before is not None
    book, view = FailureBook(), view_of(looping)
    (begun,) = book.examine(view, before.at + SECOND)
    started = before.at + timedelta(seconds=40)
    running = ContainerSeen(
        name="web", restarts=3, waiting="", running_since=started, ended=None, before=before
    )
    healed = replace(looping, is_ready=True, ready_changed_at=started, containers=(running,))
    view.pods[healed.uid] = healed
    assert proof(running) == timedelta(seconds=80)
    assert list(book.examine(view, started + timedelta(seconds=79))) == []
    (over,) = book.examine(view, started + timedelta(seconds=80))
    assert isinstance(begun, FailureSeen)
    assert over == FailureCleared(
        failure=begun.failure.id,
        environment=begun.failure.environment,
        service=begun.failure.service,
        at=started + timedelta(seconds=80),
    )
    assert book.failures == ()


def test_a_loop_outlives_its_pod_until_the_next_one_is_well() -> None:
    looping = a_looping_pod()
    view, book = view_of(looping), FailureBook()
    now = looping.created_at + HOUR
    assert len(list(book.examine(view, now))) == 1
    view.pods.clear()
    assert list(book.examine(view, now + SECOND)) == []
    fresh = ContainerSeen(name="web", restarts=0, waiting="", running_since=now, ended=None, before=None)
    heir = replace(looping, name="heir", uid="heir", is_ready=True, ready_changed_at=now, containers=(fresh,))
    view.pods[heir.uid] = heir
    assert list(book.examine(view, now + PATIENCE.calm - SECOND)) == []
    (over,) = book.examine(view, now + PATIENCE.calm)
    assert isinstance(over, FailureCleared)


@pytest.mark.parametrize("name", ["crash", "gone", "oom"])
def test_a_failure_is_over_when_its_template_is_no_longer_asked_for(name: str) -> None:
    failing = next(pod for pod in pods(name) if find(pod, pod.created_at + HOUR, PATIENCE))
    view, book = view_of(failing), FailureBook()
    now = failing.created_at + HOUR
    assert len(list(book.examine(view, now))) == 1
    view.pods.clear()
    (key,) = (key for key in view.workloads if key[1] == name)
    view.workloads[key] = replace(view.workloads[key], revision="2")
    view.replica_sets["next"] = replace(
        next(one for one in view.replica_sets.values() if one.name.startswith(name)),
        name="next",
        uid="next",
        revision="2",
        template=type(failing.template)("another"),
    )
    (over,) = book.examine(view, now + SECOND)
    assert isinstance(over, FailureCleared)


def test_more_failing_pods_are_told_of_under_the_same_id_and_so_are_fewer() -> None:
    failing = pods("gone")[-1]
    view, book = view_of(failing), FailureBook()
    now = failing.created_at + HOUR
    (first,) = book.examine(view, now)
    view.pods["second"] = replace(failing, name="second", uid="second")
    (more,) = book.examine(view, now + SECOND)
    assert list(book.examine(view, now + 2 * SECOND)) == []
    del view.pods["second"]
    (fewer,) = book.examine(view, now + 3 * SECOND)
    told_ = [one.failure for one in (first, more, fewer) if isinstance(one, FailureSeen)]
    assert [one.failing for one in told_] == [1, 2, 1]
    assert len({one.id for one in told_}) == 1


def test_of_more_pods_than_a_failure_names_the_others_are_counted() -> None:
    failing = pods("gone")[-1]
    view = view_of(*(replace(failing, name=f"p{n}", uid=f"u{n}") for n in range(50)))
    (said,) = FailureBook().examine(view, failing.created_at + HOUR)
    assert isinstance(said, FailureSeen)
    assert (said.failure.failing, len(said.failure.pods)) == (50, 20)


@settings(deadline=None)
@given(stop=st.integers(min_value=0, max_value=200), name=st.sampled_from(["crash", "oom", "gone"]))
def test_a_successor_that_recalls_what_was_said_goes_on_as_if_nothing_had_happened(
    stop: int, name: str
) -> None:
    whole = list(told(name, FailureBook()))
    view, book, now = surroundings(empty_view()), FailureBook(), None
    said: list[FailureSeen | FailureCleared] = []
    for index, event in enumerate(recorded("pods", name)):
        now = instant_of(event) if now is None else max(now, instant_of(event))
        (pod,) = [pods(name)[index]]
        if event["type"] == "DELETED":
            view.pods.pop(pod.uid, None)
        else:
            view.pods[pod.uid] = pod
        if index == stop:
            successor = FailureBook()
            successor.recall(book.failures)
            book = successor
        said += book.examine(view, now)
    assert [one.failure.id for one in said if isinstance(one, FailureSeen)] == [
        one.failure.id for one in whole if isinstance(one, FailureSeen)
    ]


ENDS = st.builds(
    lambda length, code, reason: (timedelta(seconds=length), code, reason),
    st.integers(0, 3_000),
    st.sampled_from([0, 1, 137]),
    st.sampled_from(["Error", "OOMKilled", "Completed"]),
)


@given(run=ENDS, back_off=st.integers(0, 300), restarts=st.integers(1, 9), has_probe=st.booleans())
def test_a_container_that_goes_on_running_is_well_within_ten_minutes_and_never_fails_again(
    run: tuple[timedelta, int, str], back_off: int, restarts: int, has_probe: bool
) -> None:
    pod, at = last("good")
    length, code, reason = run
    before = Ended(reason=reason, exit_code=code, started_at=at - length, at=at)
    started = at + timedelta(seconds=back_off)
    container = ContainerSeen(
        name="web", restarts=restarts, waiting="", running_since=started, ended=None, before=before
    )
    pod = replace(
        pod,
        is_ready=True,
        ready_changed_at=started,
        has_probe=has_probe,
        containers=(container,),
        going_at=None,
        phase="Running",
    )
    well_at = well_since(pod, PATIENCE)
    assert well_at is not None
    assert started + PATIENCE.calm <= well_at <= started + LONGEST_PROOF
    assert condition(pod, well_at, PATIENCE) is Condition.WELL
    assert condition(pod, well_at - SECOND, PATIENCE) is not Condition.WELL
    assert condition(pod, well_at + HOUR, PATIENCE) is Condition.WELL


def test_an_init_container_that_came_through_at_its_third_attempt_is_no_loop() -> None:
    pod, at = last("good")
    failed = Ended(reason="Error", exit_code=1, started_at=at, at=at)
    through = Ended(reason="Completed", exit_code=0, started_at=at, at=at)
    first = ContainerSeen(
        name="init",
        restarts=3,
        waiting="",
        running_since=None,
        ended=through,
        before=failed,
        is_init=True,
    )
    pod = replace(pod, containers=(first, *pod.containers), going_at=None)
    assert find(pod, at, PATIENCE) is None
    looping = replace(first, ended=None, waiting="CrashLoopBackOff")
    assert find(replace(pod, containers=(looping,)), at, PATIENCE) is not None


def test_a_migration_that_failed_is_one_failure_until_it_comes_through() -> None:
    view, book = view_of(), FailureBook()
    failed, completed = list(jobs("migrate-1"))[-1], list(jobs("migrates-1"))[-1]
    assert failed.failed_at is not None
    now = failed.failed_at + SECOND
    assert list(book.examine(view, now)) == []
    cron_job = replace(view.cron_jobs["migrate"], service="cart")
    view.cron_jobs["migrate"] = cron_job
    view.jobs[failed.uid] = failed
    (begun,) = book.examine(view, now)
    assert isinstance(begun, FailureSeen)
    failure = begun.failure
    assert (failure.pattern, failure.service) == (FailurePattern.MIGRATION_FAILED, "cart")
    assert (failure.target.kind, failure.target.workload) == ("cronjob", "migrate")
    assert failure.detail == "migration Job migrate-1 failed: BackoffLimitExceeded"

    second = replace(failed, name="migrate-2", uid="second", created_at=now, failed_at=None)
    view.jobs["second"] = second
    assert list(book.examine(view, now)) == []
    view.jobs["second"] = replace(second, failed_at=now + SECOND)
    (again,) = book.examine(view, now + SECOND)
    assert isinstance(again, FailureSeen)
    assert (again.failure.id, again.failure.since) == (failure.id, failure.since)

    view.jobs["third"] = replace(
        second, name="migrate-3", uid="third", created_at=now + HOUR, completed_at=now + HOUR
    )
    (over,) = book.examine(view, now + HOUR)
    assert isinstance(over, FailureCleared)
    assert (over.failure, over.at) == (failure.id, now + HOUR)
    assert completed.completed_at is not None


def test_a_jobs_migration_is_the_service_that_its_label_names() -> None:
    view = view_of()
    failed = list(jobs("migrate-1"))[-1]
    view.jobs[failed.uid] = failed
    assert view.cron_jobs["migrate"].migration == "cart"
    (begun,) = FailureBook().examine(view, failed.created_at + HOUR)
    assert isinstance(begun, FailureSeen)
    assert begun.failure.service == "cart"


def test_a_job_that_names_its_cron_job_without_being_controlled_by_it_is_a_run_of_it() -> None:
    thing = recorded("jobs", "migrate-1")[-1]["object"]
    (owner,) = thing["metadata"]["ownerReferences"]
    # As our own verb makes it: the CronJob is not to count or remove what it did not start.
    uncontrolled = {name: value for name, value in owner.items() if name != "controller"}
    ours = {**thing, "metadata": {**thing["metadata"], "ownerReferences": [uncontrolled]}}
    assert ObjectReader().job(ours) == ObjectReader().job(thing)
