"""Which sinks an installation has, and how each is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from schemas.cdevents_form import Addresses
from streams.kafka_log import LogWriter
from streams.release_memory import ReleaseMemory
from streams.settings import Settings
from streams.sinks import Sink


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkParts:
    """What sinks are made of.

    Attributes:
        settings: The installation's.
        memory: What was said of releases before; shared by all sinks.
    """

    settings: Settings
    memory: ReleaseMemory

    @property
    def addresses(self) -> Addresses:
        """Return where readers go on."""
        return Addresses(release=self.settings.gitops.evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkEntry:
    """A sink that is configured.

    Attributes:
        make: Makes it, in the thread that will call it; may be called again after a defect.
        oldest: Age from which it is not told of an effect any more; None for never.
    """

    make: Callable[[SinkParts], Sink]
    oldest: timedelta | None


def configured_sinks(settings: Settings) -> Mapping[str, SinkEntry]:
    """Return the sinks that an installation's settings turn on, by name; empty where nobody is told."""
    told = settings.notifier
    found: dict[str, Callable[[SinkParts], Sink]] = {}
    if told.cdevents:
        found["cdevents"] = _cdevents
    if told.datadog_key:
        found["datadog"] = _datadog
    if told.grafana:
        found["grafana"] = _grafana
    return {name: SinkEntry(make=make, oldest=told.oldest) for name, make in found.items()}


def _cdevents(parts: SinkParts) -> Sink:
    from streams.sink_cdevents import CDEventsSink

    writer = LogWriter(parts.settings.bootstrap, parts.settings.prefix)
    return CDEventsSink(writer, parts.memory.of, parts.addresses)


def _datadog(parts: SinkParts) -> Sink:
    from streams.sink_datadog import DatadogSink

    told = parts.settings.notifier
    return DatadogSink(told.datadog, told.datadog_key, told.datadog_application_key, parts.memory.of)


def _grafana(parts: SinkParts) -> Sink:
    from streams.sink_grafana import GrafanaSink

    told = parts.settings.notifier
    return GrafanaSink(told.grafana, told.grafana_token, parts.memory.of, parts.addresses)
