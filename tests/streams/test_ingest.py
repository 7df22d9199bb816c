"""From public messages to observations: nothing that a topic takes is too large to go on."""

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from schemas.observation_messages import read_observation
from schemas.observations import LogPosition
from schemas.samples import SampleBatch
from schemas.topics import TOPICS, Topic
from streams.ingest import ingest
from streams.kafka_log import Record

T0_NS = 1_795_000_000_000_000_000


def believe(record: Record) -> None:
    """Take every signature for right."""


def many_series(count: int) -> bytes:
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    attribute = resource.resource.attributes.add()
    attribute.key, attribute.value.string_value = "service.name", "cart"
    metric = resource.scope_metrics.add().metrics.add()
    metric.name = "queue.length"
    for number in range(count):
        point = metric.gauge.data_points.add()
        point.time_unix_nano, point.as_double = T0_NS, float(number)
        attribute = point.attributes.add()
        attribute.key, attribute.value.string_value = "queue", f"q{number}"
    return request.SerializeToString()


def test_a_message_whose_observation_would_be_too_large_becomes_several() -> None:
    value = many_series(60_000)
    largest = next(spec.max_message_bytes for spec in TOPICS if spec.topic is Topic.OBSERVATIONS)
    record = Record(topic="otlp_metrics", partition=3, offset=7, key=None, value=value, headers=())
    taken = ingest(Topic.OTLP_METRICS, record, believe)

    assert not taken.reason
    assert len(taken.messages) > 1
    values: list[float] = []
    for index, message in enumerate(taken.messages):
        assert len(message.value) < largest
        position = LogPosition(topic="observations", partition=0, offset=index)
        observation = read_observation(position, message.key, message.value, message.headers)
        assert observation.origin is not None
        assert (observation.origin.offset, observation.origin.index) == (7, index)
        assert isinstance(observation.body, SampleBatch)
        values += observation.body.values.tolist()
    assert values == [float(number) for number in range(60_000)]
