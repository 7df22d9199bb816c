"""What a watcher said before, read back from the log: a successor goes on with the same failures."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from actions.failure_book import WATCHED
from schemas.errors import SchemaError
from schemas.failures import Failure
from schemas.instants import to_ms
from schemas.keys import EnvironmentName, TemplateHash
from schemas.observation_messages import KIND_HEADER, OBSERVATION_KINDS, read_observation
from schemas.observations import Body, FailureCleared, FailureSeen, LogPosition, OneWaySeen, TemplateSeen
from schemas.releases import Target
from schemas.topics import Topic, topic_name
from streams import clock
from streams.kafka_log import RangeReader, Record, offset_at, partition_of
from streams.settings import Settings
from streams.watched_namespace import AGAIN, Said

REMEMBERED = 3 * AGAIN
"""How far the log is read back. What lasts is said again every `AGAIN`: a watcher that was down for longer
than the difference begins such failures anew."""

_MINE = (FailureSeen, FailureCleared, TemplateSeen, OneWaySeen)
_KINDS = frozenset(name.encode() for name, kind in OBSERVATION_KINDS.items() if kind in _MINE)


def said_before(
    settings: Settings, environment: EnvironmentName, remembered: timedelta = REMEMBERED
) -> list[Body]:
    """Return what the log of an environment holds of a watcher's kinds, oldest first.

    Raises:
        LogError: the broker cannot be reached.
    """
    topic = topic_name(Topic.ENVIRONMENT_OBSERVATIONS, settings.prefix)
    partition = partition_of(environment.encode())
    start = offset_at(settings.bootstrap, topic, partition, to_ms(clock.now() - remembered))
    if start is None:
        return []
    reader = RangeReader(settings.bootstrap)
    try:
        return list(_bodies(reader.read(topic, partition, start), environment.encode()))
    finally:
        reader.close()


def said_of(bodies: Iterable[Body], cluster: str, namespace: str) -> Said:
    """Return what lasts of what was said of one namespace.

    Args:
        bodies: Of its environment, oldest first.
        cluster: As targets name it.
        namespace: Of that cluster.
    """
    failures: dict[str, Failure] = {}
    templates: dict[Target, TemplateHash] = {}
    one_way: dict[tuple[str, str, str], None] = {}
    for body in bodies:
        match body:
            case FailureSeen(failure=failure):
                if failure.pattern in WATCHED and _is_in(failure.target, cluster, namespace):
                    failures[failure.id] = failure
            case FailureCleared():
                failures.pop(body.failure, None)
            case TemplateSeen():
                if _is_in(body.target, cluster, namespace):
                    templates[body.target] = body.template
            case OneWaySeen():
                one_way[(body.service, body.version, body.reason)] = None
            case _:
                pass
    return Said(failures=tuple(failures.values()), templates=tuple(templates.items()), one_way=tuple(one_way))


def _is_in(target: Target, cluster: str, namespace: str) -> bool:
    return (target.cluster, target.namespace) == (cluster, namespace)


def _bodies(records: Iterable[Record], key: bytes) -> Iterator[Body]:
    for record in records:
        if record.key != key or dict(record.headers).get(KIND_HEADER) not in _KINDS:
            continue
        position = LogPosition(topic=record.topic, partition=record.partition, offset=record.offset)
        try:
            yield read_observation(position, record.key, record.value, record.headers).body
        except SchemaError:
            # The gate dead-letters it; here it is only nothing that was said.
            continue
