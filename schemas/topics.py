"""The one table of Kafka topics: what each carries, how it is keyed, and how long it is kept."""

from dataclasses import dataclass, field
from enum import StrEnum

PARTITIONS = 12
"""Fixed at the start: a key's place, and with it all order, hangs on the number."""

_DAY_MS = 24 * 60 * 60 * 1000
_MAX_MESSAGE_BYTES = 10 * 1024 * 1024
_HEADERS_BYTES = 64 * 1024


class Topic(StrEnum):
    """A topic's name before an installation's prefix."""

    CDEVENTS = "cdevents"
    OTLP_METRICS = "otlp_metrics"
    OTLP_LOGS = "otlp_logs"
    REMOTE_WRITE = "remote_write"
    OBSERVATIONS = "observations"
    ENVIRONMENT_OBSERVATIONS = "environment-observations"
    EFFECTS = "effects"
    VERDICTS = "verdicts"
    CDEVENTS_OUT = "cdevents-out"
    DECISIONS = "decisions"
    COMMANDS = "commands"
    OUTCOMES = "outcomes"
    CALLBACKS = "callbacks"
    CONVERSATIONS = "conversations"
    SNAPSHOTS = "snapshots"
    DEAD_LETTERS = "dead-letters"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSpec:
    """How a topic is made.

    Attributes:
        key: What the key is, for people.
        value: What the value is, for people.
        is_public: Others may rely on its form.
        retention_ms: How long entries are kept; -1 for good.
        is_compacted: Only the newest entry of a key is kept.
        max_message_bytes: Of one entry with its headers.
    """

    topic: Topic
    key: str
    value: str
    is_public: bool = False
    retention_ms: int = 7 * _DAY_MS
    is_compacted: bool = False
    partitions: int = PARTITIONS
    max_message_bytes: int = _MAX_MESSAGE_BYTES
    headers: tuple[tuple[str, str], ...] = field(default=())

    @property
    def configuration(self) -> dict[str, str]:
        """Return the topic's settings as Kafka names them."""
        return {
            "cleanup.policy": "compact" if self.is_compacted else "delete",
            "retention.ms": str(self.retention_ms),
            "max.message.bytes": str(self.max_message_bytes),
        }


_OBSERVATION_HEADERS = (
    ("suture-kind", "which kind of observation the value is"),
    ("suture-origin", "topic/partition/offset/index of the message it was made from"),
)

TOPICS: tuple[TopicSpec, ...] = (
    TopicSpec(
        topic=Topic.CDEVENTS,
        key="any",
        value="CloudEvents, structured or binary, holding CDEvents",
        is_public=True,
    ),
    TopicSpec(topic=Topic.OTLP_METRICS, key="any", value="OTLP metrics, protobuf or JSON", is_public=True),
    TopicSpec(topic=Topic.OTLP_LOGS, key="any", value="OTLP logs, protobuf or JSON", is_public=True),
    TopicSpec(
        topic=Topic.REMOTE_WRITE,
        key="any",
        value="Prometheus remote write 1.0 or 2.0, a snappy block as it was sent",
        is_public=True,
        headers=(
            ("content-type", "names the message by its `proto`"),
            ("content-encoding", "snappy; none where the message is not packed"),
        ),
    ),
    TopicSpec(
        topic=Topic.OBSERVATIONS,
        key="environment/service; none for a tick or a settings change, which is every key's",
        value="Arrow sample batch, or JSON of the observation",
        retention_ms=14 * _DAY_MS,
        headers=_OBSERVATION_HEADERS,
    ),
    TopicSpec(
        topic=Topic.ENVIRONMENT_OBSERVATIONS,
        key="environment; none for a tick or a settings change",
        value="JSON of the observation",
        retention_ms=30 * _DAY_MS,
        headers=_OBSERVATION_HEADERS,
    ),
    TopicSpec(
        topic=Topic.EFFECTS,
        key="key of the state that said it",
        value="CloudEvents JSON; the partition is that of the cause, so one partition's causes rise",
        retention_ms=30 * _DAY_MS,
        headers=(
            ("suture-code", "digest of the code that said it"),
            ("suture-cause", "SHA-256 of the observation that caused it: key, value and headers"),
        ),
    ),
    TopicSpec(topic=Topic.VERDICTS, key="release", value="CloudEvents JSON: Verdict", is_public=True),
    TopicSpec(
        topic=Topic.CDEVENTS_OUT,
        key="environment/service",
        value="CloudEvents, structured: CDEvents of incidents, rollbacks and approvals",
        is_public=True,
    ),
    TopicSpec(
        topic=Topic.DECISIONS,
        key="environment",
        value="CloudEvents JSON: Decision, Held, Denied or Page",
        is_public=True,
    ),
    TopicSpec(
        topic=Topic.COMMANDS,
        key="cluster/namespace/workload",
        value="CloudEvents JSON: Command",
        is_public=True,
        headers=(("suture-signature", "v1=<key id>:<HMAC-SHA256 of the value, hexadecimal>"),),
    ),
    TopicSpec(
        topic=Topic.OUTCOMES,
        key="cluster/namespace/workload",
        value="CloudEvents JSON: Outcome",
        is_public=True,
        retention_ms=30 * _DAY_MS,
        headers=(("suture-signature", "v1=<key id>:<HMAC-SHA256 of the value, hexadecimal>"),),
    ),
    TopicSpec(
        topic=Topic.CALLBACKS,
        key="channel/thread",
        value="JSON: Reply, what a human said on a channel",
        retention_ms=30 * _DAY_MS,
    ),
    TopicSpec(
        topic=Topic.CONVERSATIONS,
        key="hold/channel/id, answers/channel/id of the hold, notice/channel/id",
        value="JSON: where a hold is talked about on a channel, how far that has come, who answered",
        is_compacted=True,
        retention_ms=-1,
    ),
    TopicSpec(
        topic=Topic.SNAPSHOTS,
        key="topic/partition/slot/chunk",
        value="a piece of an engine's state, zstd; headers carry position, code version and digest",
        is_compacted=True,
        retention_ms=-1,
    ),
    TopicSpec(
        topic=Topic.DEAD_LETTERS,
        key="source topic",
        value="the original bytes",
        is_public=True,
        retention_ms=30 * _DAY_MS,
        # The largest message of another topic, and why it was refused.
        max_message_bytes=_MAX_MESSAGE_BYTES + _HEADERS_BYTES,
        headers=(
            ("suture-reason", "why it was refused"),
            ("suture-position", "topic/partition/offset it stood at"),
        ),
    ),
)


def topic_name(topic: Topic, prefix: str = "") -> str:
    """Return a topic's name in an installation.

    >>> topic_name(Topic.VERDICTS, "staging.")
    'staging.verdicts'
    """
    return f"{prefix}{topic.value}"
