"""What a watcher says of one namespace: templates, pods, what goes one way, and nothing it does not know."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from actions.cluster_objects import JobSeen, ObjectReader, ObjectSeen, PodSeen
from actions.kubernetes_watch import Changed, Listed, Lost, Removed
from schemas.keys import EnvironmentName
from schemas.observation_messages import observation_message, read_observation
from schemas.observations import (
    Body,
    FailureCleared,
    FailureSeen,
    LogPosition,
    OneWaySeen,
    PodChange,
    PodChanged,
    TemplateSeen,
)
from schemas.topics import Topic
from streams.watched_namespace import AGAIN, RESOURCES, Feed, News, WatchedNamespace, reader_of
from streams.watcher_memory import said_of
from tests.actions.cluster_recording import SECOND, instant_of, recorded

PROD = EnvironmentName("prod")
NOW = datetime(2026, 11, 23, 16, 46, tzinfo=UTC)
DOWN: Lost = Lost(reason="503", again_s=1.0)


def seen(feed: Feed, name: str = "", index: int | None = None) -> list[ObjectSeen]:
    """Return the states of a kind's objects whose names begin so; of each only one with an index."""
    read = reader_of(feed, ObjectReader())
    found: dict[str, list[ObjectSeen]] = {}
    for event in recorded(feed.value, name):
        found.setdefault(event["object"]["metadata"]["uid"], []).append(read(event["object"]))
    return [one for states in found.values() for one in (states if index is None else [states[index]])]


def a_namespace(bodies: list[Body] | None = None) -> WatchedNamespace:
    said = said_of(bodies or [], "default", "shop-prod")
    return WatchedNamespace(PROD, "default", "shop-prod", said=said)


def listed(watched: WatchedNamespace, index: int = -1, **of: str) -> list[News]:
    """List every kind, as it was told last or first; `of` limits kinds to names that begin so."""
    news: list[News] = []
    for feed in Feed:
        name = of.get(feed.name.lower(), "")
        known = feed.value in ("pods", "jobs", "cronjobs", "deployments", "replicasets")
        objects = seen(feed, name, index) if known else []
        news += watched.take(feed, Listed(objects=tuple(objects)), NOW)
    return news


def a_labelled_job() -> ObjectSeen:
    (job,) = seen(Feed.JOBS, "migrates", -1)
    assert isinstance(job, JobSeen)
    return replace(job, version="1.4.2")


def kinds(news: list[News]) -> set[type]:
    return {type(one) for one in news}


def test_nothing_is_said_before_everything_is_known_and_while_anything_is_lost() -> None:
    watched = a_namespace()
    for feed in list(Feed)[1:]:
        watched.take(feed, Listed(objects=()), NOW)
    assert watched.news(NOW) == []
    watched.take(Feed.PODS, Listed(objects=tuple(seen(Feed.PODS, "gone", -1))), NOW)
    watched.take(Feed.REPLICA_SETS, Listed(objects=tuple(seen(Feed.REPLICA_SETS))), NOW)
    watched.take(Feed.JOBS, DOWN, NOW)
    assert watched.news(NOW) == []
    watched.take(Feed.JOBS, Listed(objects=()), NOW)
    assert kinds(watched.news(NOW)) == {FailureSeen}


def test_a_type_that_the_cluster_lacks_holds_nothing_up() -> None:
    watched = a_namespace()
    listed(watched)
    watched.take(Feed.ROLLOUTS, Lost(reason="404", again_s=300.0, is_unserved=True), NOW)
    assert watched.is_current


def test_a_template_is_told_when_it_is_another_and_with_the_instant_at_which_it_was_written() -> None:
    watched = a_namespace()
    listed(watched)
    told = [one for one in watched.news(NOW) if isinstance(one, TemplateSeen) and one.service == "good"]
    (seen_,) = told
    assert (seen_.template, seen_.version, seen_.target.key) == (
        "85455bc6b",
        "1.4.2",
        "default/shop-prod/good",
    )
    assert seen_.at == datetime(2026, 11, 23, 16, 45, 50, tzinfo=UTC)
    assert [one for one in watched.news(NOW + SECOND) if isinstance(one, TemplateSeen)] == []


def test_a_rollout_is_told_as_two_templates_however_many_events_it_takes() -> None:
    watched = a_namespace()
    listed(watched, deployments="none", replica_sets="none")
    templates: list[str] = []
    events = [
        (instant_of(event), number, feed, event["object"])
        for feed in (Feed.REPLICA_SETS, Feed.DEPLOYMENTS)
        for number, event in enumerate(recorded(feed.value, "good"))
    ]
    for _, _, feed, thing in sorted(events, key=lambda one: one[:2]):
        watched.take(feed, Changed(object=reader_of(feed, ObjectReader())(thing)), NOW)
        templates += [one.template for one in watched.news(NOW) if isinstance(one, TemplateSeen)]
    assert templates == ["7fb6bbd68c", "85455bc6b"]


def test_a_successor_that_reads_what_was_said_says_none_of_it_again() -> None:
    watched = a_namespace()
    listed(watched)
    watched.take(Feed.JOBS, Changed(object=a_labelled_job()), NOW)
    said: list[Body] = list(watched.news(NOW))
    assert watched.news(NOW) == []
    assert {type(one) for one in said} == {FailureSeen, TemplateSeen, OneWaySeen}
    successor = a_namespace(said)
    listed(successor)
    successor.take(Feed.JOBS, Changed(object=a_labelled_job()), NOW)
    assert successor.news(NOW) == []
    assert {one.id for one in successor.book.failures} == {one.id for one in watched.book.failures}


def test_a_successor_calls_over_what_ended_while_nobody_looked() -> None:
    watched = a_namespace()
    listed(watched)
    said: list[Body] = list(watched.news(NOW))
    successor = a_namespace(said)
    for feed in Feed:
        successor.take(feed, Listed(objects=()), NOW)
    over = [one for one in successor.news(NOW) if isinstance(one, FailureCleared)]
    assert {one.failure for one in over} == {one.id for one in watched.book.failures}
    assert a_namespace([*said, *over]).book.failures == ()


def test_failures_of_other_namespaces_and_of_levels_are_not_ours_to_call_over() -> None:
    watched = a_namespace()
    listed(watched)
    said: list[Body] = list(watched.news(NOW))
    assert said_of(said, "default", "another").failures == ()
    assert said_of(said, "another", "shop-prod").failures == ()


def test_what_lasts_is_said_again_word_for_word_once_a_day() -> None:
    watched = a_namespace()
    listed(watched)
    first = [one for one in watched.news(NOW) if isinstance(one, FailureSeen)]
    assert watched.news(NOW + AGAIN - SECOND) == []
    assert watched.news(NOW + AGAIN) == first


def test_a_migration_that_completed_goes_one_way_and_so_does_a_template_that_says_so() -> None:
    watched = a_namespace()
    listed(watched)
    # The recorded CronJobs name a service without a workload: of an unknown version nothing is said.
    assert [one for one in watched.news(NOW) if isinstance(one, OneWaySeen)] == []
    watched.take(Feed.JOBS, Changed(object=a_labelled_job()), NOW)
    (told,) = (one for one in watched.news(NOW) if isinstance(one, OneWaySeen))
    assert (told.service, told.version) == ("cart", "1.4.2")
    assert told.reason == "migration Job migrates-1 completed"


def test_a_pod_comes_once_and_goes_once_however_often_it_is_ready() -> None:
    watched = a_namespace()
    changes: list[PodChanged] = []
    for event in recorded("pods", "oom") + recorded("pods", "crash"):
        pod: ObjectSeen = ObjectReader().pod(event["object"])
        told = Removed(object=pod) if event["type"] == "DELETED" else Changed(object=pod)
        changes += watched.take(Feed.PODS, told, NOW)
    by_pod: dict[str, list[PodChange]] = {}
    for change in changes:
        by_pod.setdefault(change.pod, []).append(change.change)
    assert set(map(tuple, by_pod.values())) <= {
        (PodChange.READY,),
        (PodChange.READY, PodChange.DELETED),
    }
    assert (PodChange.READY, PodChange.DELETED) in map(tuple, by_pod.values())


def test_an_old_pod_that_restarted_before_anybody_looked_is_not_called_ready_now() -> None:
    watched = a_namespace()
    ready = [pod for pod in seen(Feed.PODS, "oom") if isinstance(pod, PodSeen) and pod.is_ready]
    assert watched.take(Feed.PODS, Listed(objects=(ready[-1],)), NOW) == []
    (gone,) = watched.take(Feed.PODS, Listed(objects=()), NOW)
    assert (gone.change, gone.at) == (PodChange.DELETED, NOW)


@settings(max_examples=30, deadline=None)
@given(cut=st.integers(0, 100))
def test_a_relist_at_any_moment_says_nothing_twice(cut: int) -> None:
    def played(is_relisted: bool) -> list[News]:
        watched, news = a_namespace(), listed(a_namespace(), pods="none")
        listed(watched, pods="none")
        pods: dict[str, ObjectSeen] = {}
        now = NOW - timedelta(minutes=10)
        for number, event in enumerate(recorded("pods")):
            now = max(now, instant_of(event))
            pod = ObjectReader().pod(event["object"])
            if event["type"] == "DELETED":
                pods.pop(pod.uid, None)
                news += watched.take(Feed.PODS, Removed(object=pod), now)
            else:
                pods[pod.uid] = pod
                news += watched.take(Feed.PODS, Changed(object=pod), now)
            if is_relisted and number == cut:
                watched.take(Feed.PODS, DOWN, now)
                news += watched.news(now)
                news += watched.take(Feed.PODS, Listed(objects=tuple(pods.values())), now)
            news += watched.news(now)
        return news

    assert played(is_relisted=True) == played(is_relisted=False)


def test_everything_that_is_said_reads_back_from_the_wire() -> None:
    watched = a_namespace()
    position = LogPosition(topic="t", partition=0, offset=0)
    for one in [*listed(watched), *watched.news(NOW)]:
        topic = Topic.OBSERVATIONS if isinstance(one, PodChanged) else Topic.ENVIRONMENT_OBSERVATIONS
        key = f"prod/{one.service}" if isinstance(one, PodChanged) else "prod"
        message = observation_message(topic, key, one)
        assert read_observation(position, message.key, message.value, message.headers).body == one


def test_every_kind_that_is_followed_is_read() -> None:
    assert set(RESOURCES) == set(Feed)
    assert {feed.value for feed in Feed} == {resource.plural for resource in RESOURCES.values()}
