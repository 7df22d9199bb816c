"""Which sinks an installation has, and how each is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from schemas.cdevents_form import Addresses
from schemas.envelopes import Message
from schemas.errors import SettingsError
from streams import clock
from streams.approval_hosting import approval_sinks
from streams.kafka_log import LogWriter
from streams.release_memory import ReleaseMemory
from streams.settings import Settings
from streams.sinks import Sink

_ASKING_TURN = timedelta(seconds=0.5)
"""Who clicked waits for something to happen."""


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
        make: Makes it; called again after a defect, in the thread that will call it.
        oldest: Age from which it is not told of an effect any more; None for never.
        turn: Time between two turns.
    """

    make: Callable[[SinkParts], Sink]
    oldest: timedelta | None
    turn: timedelta = timedelta(seconds=3)


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
    if settings.explainer.is_on:
        found["explainer"] = _explainer
    if told.github_token or told.github_app:
        found["github"] = _github
    if told.gitlab_token:
        found["gitlab"] = _gitlab
    asking = {
        # A hold that ended while nobody listened must still be closed, however long ago that was.
        name: SinkEntry(make=_alone(make), oldest=None, turn=_ASKING_TURN)
        for name, make in approval_sinks(settings).items()
    }
    return {name: SinkEntry(make=make, oldest=told.oldest) for name, make in found.items()} | asking


def _alone(make: Callable[[], Sink]) -> Callable[[SinkParts], Sink]:
    return lambda _: make()


def sink_group(prefix: str, name: str) -> str:
    """Return a sink's consumer group.

    >>> sink_group("staging.", "slack")
    'staging.sink-slack'
    """
    return f"{prefix}sink-{name}"


def _cdevents(parts: SinkParts) -> Sink:
    from streams.sink_cdevents import CDEventsSink

    writer = LogWriter(parts.settings.bootstrap, parts.settings.prefix)
    return CDEventsSink(writer, parts.memory.of, parts.addresses)


def _datadog(parts: SinkParts) -> Sink:
    from streams.sink_datadog import DatadogSink

    told = parts.settings.notifier
    return DatadogSink(told.datadog, told.datadog_key, told.datadog_application_key, parts.memory.of)


def _explainer(parts: SinkParts) -> Sink:
    from streams.sink_explainer import ExplainerSink

    try:
        from actions.explainer.model import Model
    except ModuleNotFoundError as error:
        raise SettingsError("the explainer is not installed, expected `pip install suture[llm]`") from error
    asked = parts.settings.explainer
    writer = LogWriter(parts.settings.bootstrap, parts.settings.prefix)

    def send(message: Message) -> None:
        writer.send(message)
        writer.flush()

    return ExplainerSink(Model(asked.url, asked.model, asked.key, asked.budget_s), send, clock.now)


def _grafana(parts: SinkParts) -> Sink:
    from streams.sink_grafana import GrafanaSink

    told = parts.settings.notifier
    return GrafanaSink(told.grafana, told.grafana_token, parts.memory.of, parts.addresses)


def _github(parts: SinkParts) -> Sink:
    # Its client is an extra.
    try:
        from actions.github_door import as_app, as_token
        from actions.github_tellings import GitHubTellings
        from streams.sink_github import GitHubSink
    except ImportError as error:
        raise SettingsError("no client of GitHub is installed, expected the extra suture[gitops]") from error

    told, address = parts.settings.notifier, parts.settings.gitops.github
    app = told.github_app
    client = as_app(*app, told.github_app_key, address) if app else as_token(told.github_token, address)
    return GitHubSink(
        GitHubTellings(client),
        web_address(address),
        parts.memory.of,
        parts.addresses,
        has_checks=app is not None,
    )


def _gitlab(parts: SinkParts) -> Sink:
    try:
        from actions.gitlab_door import as_token
        from actions.gitlab_tellings import GitLabTellings
        from streams.sink_gitlab import GitLabSink
    except ImportError as error:
        raise SettingsError("no client of GitLab is installed, expected the extra suture[gitops]") from error

    address = parts.settings.gitops.gitlab
    client = as_token(parts.settings.notifier.gitlab_token, address)
    return GitLabSink(GitLabTellings(client), address, parts.addresses)


def web_address(api: str) -> str:
    """Return where GitHub's pages are, given the base of its API.

    >>> web_address("https://api.github.com"), web_address("https://git.example/api/v3")
    ('https://github.com', 'https://git.example')
    """
    parts = urlsplit(api)
    host = "github.com" if parts.netloc.lower() == "api.github.com" else parts.netloc
    return f"{parts.scheme}://{host}"
