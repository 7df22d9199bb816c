"""The watcher's process: what the API server tells of some namespaces becomes observations on Kafka.

A thread follows each kind of objects in each namespace; one loop takes what they bring and writes. A watcher
that is killed leaves nothing behind: its successor lists everything anew, reads back what was said, and goes
on with the same failures. Whatever was not written is written then.

One watcher serves a namespace. Two would say everything twice, which the engine bears, and might begin a
failure under two ids.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from queue import Empty, Queue
from threading import Event, Thread

from actions.cluster_objects import ObjectReader, ObjectSeen
from actions.failure_patterns import Patience
from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_watch import Follower, Listed, Lost, WatchEvent
from schemas.envelopes import Message
from schemas.errors import SettingsError
from schemas.keys import service_key
from schemas.observation_messages import observation_message
from schemas.observations import FailureCleared, FailureSeen, OneWaySeen, PodChanged, TemplateSeen
from schemas.topics import Topic
from streams import clock
from streams.kafka_log import LogWriter
from streams.settings import Settings
from streams.watched_namespace import RESOURCES, Feed, News, WatchedNamespace, reader_of
from streams.watcher_memory import said_before, said_of

logger = logging.getLogger("suture.watcher")

_MOST_WAITING = 1_000
"""Events between the threads and the loop; a full queue holds the threads, which bounds memory."""

_LOOK_S = 1.0
"""How often it is looked whether something has lasted, when nothing comes in."""

_Told = tuple[WatchedNamespace, Feed, WatchEvent[ObjectSeen]]


class WatcherService:
    """Follows namespaces and writes what becomes of their pods.

    Args:
        settings: How this installation runs; names the namespaces.
        api: The cluster.
        patience: How long to wait before something is called a failure, or over.
        now: Returns the present instant.
    """

    def __init__(
        self,
        settings: Settings,
        api: KubernetesApi,
        patience: Patience | None = None,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._api, self._now = api, now
        self._reader = ObjectReader(settings.service_label)
        self._writer = LogWriter(settings.bootstrap, settings.prefix)
        self._queue: Queue[_Told] = Queue(maxsize=_MOST_WAITING)
        cluster = settings.clusters[0]
        before = {name: said_before(settings, name) for name, _ in settings.watch}
        self._watched = [
            WatchedNamespace(
                environment, cluster, name, patience, said_of(before[environment], cluster, name)
            )
            for environment, name in settings.watch
        ]

    def run(self, stop: Event) -> None:
        """Watch until told to stop.

        Raises:
            LogError: Kafka cannot be reached; a successor says again what was not written.
        """
        for watched in self._watched:
            for feed in Feed:
                Thread(
                    target=self._follow,
                    args=(watched, feed, stop),
                    name=f"watch-{watched.view.namespace}-{feed}",
                    daemon=True,
                ).start()
        try:
            while not stop.is_set():
                self._write(self._taken())
        finally:
            self._writer.close()

    def _follow(self, watched: WatchedNamespace, feed: Feed, stop: Event) -> None:
        follower: Follower[ObjectSeen] = Follower(
            self._api, RESOURCES[feed], watched.view.namespace, reader_of(feed, self._reader), stop
        )
        for event in follower.events():
            self._log(watched, feed, event)
            self._queue.put((watched, feed, event))

    def _taken(self) -> list[News]:
        """Return what is to be said because of what came in since the last time, and because time passed."""
        news: list[News] = []
        try:
            told = self._queue.get(timeout=_LOOK_S)
            # No more than what waits now: a cluster that never rests must not keep the news back.
            for _ in range(self._queue.qsize() + 1):
                watched, feed, event = told
                news += watched.take(feed, event, self._now())
                told = self._queue.get_nowait()
        except Empty:
            pass
        for watched in self._watched:
            news += watched.news(self._now())
        return news

    def _write(self, news: list[News]) -> None:
        for one in news:
            self._writer.send(_message(one))
        if news:
            self._writer.flush()
        for one in news:
            _say(one)

    def _log(self, watched: WatchedNamespace, feed: Feed, event: WatchEvent[ObjectSeen]) -> None:
        place = {"namespace": watched.view.namespace, "kind": feed.value}
        match event:
            case Lost(is_unserved=True):
                logger.info("the cluster has no such type", extra=place)
            case Lost(reason=reason, again_s=again_s):
                logger.warning(
                    "the cluster tells nothing", extra={**place, "reason": reason, "again_s": again_s}
                )
            case Listed(left_out=left_out) if left_out:
                logger.warning("too many objects to follow", extra={**place, "left_out": left_out})
            case _:
                logger.debug("event", extra={**place, "event": type(event).__name__})


def _message(news: News) -> Message:
    match news:
        case PodChanged():
            key = service_key(news.environment, news.service)
            return observation_message(Topic.OBSERVATIONS, key, news)
        case FailureSeen(failure=failure):
            return observation_message(Topic.ENVIRONMENT_OBSERVATIONS, failure.environment, news)
        case FailureCleared() | TemplateSeen() | OneWaySeen():
            return observation_message(Topic.ENVIRONMENT_OBSERVATIONS, news.environment, news)


def _say(news: News) -> None:
    match news:
        case FailureSeen(failure=failure):
            logger.warning("failure seen", extra={"failure": failure.id, "failing": failure.failing})
        case FailureCleared():
            logger.info("failure cleared", extra={"failure": news.failure})
        case TemplateSeen():
            logger.info("template seen", extra={"target": news.target.key, "template": news.template})
        case OneWaySeen():
            logger.info("changed for good", extra={"service": news.service, "version": news.version})
        case PodChanged():
            logger.debug("pod changed", extra={"pod": news.pod, "change": news.change.value})


def run_watcher(settings: Settings, stop: Event) -> None:
    """Run a watcher until told to stop.

    Raises:
        LogError: Kafka cannot be reached.
        SettingsError: no namespace is named.
        PermanentActionError: no cluster is configured.
    """
    if not settings.watch:
        raise SettingsError("SUTURE_WATCH names no namespace, expected environment=namespace,...")
    WatcherService(settings, KubernetesApi.connect()).run(stop)
