"""Which sinks ask humans, and how each is made of an installation's settings."""

from collections.abc import Callable, Iterable, Mapping
from threading import Lock

from actions.people.channel import Channel
from actions.policy_file import load_policy
from schemas.errors import SettingsError
from schemas.keys import EnvironmentName
from schemas.orders import Held
from schemas.replies import Reply, reply_message
from schemas.topics import Topic, topic_name
from streams import clock
from streams.approval_answers import AnswersSink
from streams.approval_ends import HoldEnds
from streams.approval_log import ConversationLog
from streams.approval_sink import ApprovalSink
from streams.approval_socket import Listener
from streams.approval_steps import Patience
from streams.kafka_log import GroupReader, LogWriter, TopicTail
from streams.settings import Settings
from streams.sinks import Sink

_MISSING = "the clients of PagerDuty and Slack are not installed, expected the extra suture[people]"


def approval_sinks(settings: Settings) -> Mapping[str, Callable[[], Sink]]:
    """Return what makes each sink by which humans are asked; empty where they are asked on no channel."""
    found: dict[str, Callable[[], Sink]] = {}
    if settings.pagerduty.asks or settings.pagerduty.tells:
        found["pagerduty"] = lambda: _pagerduty(settings)
    if settings.slack.token:
        found["slack"] = lambda: _slack(settings)
    if settings.pagerduty.asks or settings.slack.token:
        found["answers"] = lambda: _answers(settings)
    return found


def _pagerduty(settings: Settings) -> Sink:
    try:
        from actions.people.pagerduty import PagerDutyChannel
        from actions.people.pagerduty_api import PagerDutyApi
    except ImportError as error:
        raise SettingsError(_MISSING) from error
    known = settings.pagerduty
    people = load_policy(settings.policy).people
    channel = PagerDutyChannel(PagerDutyApi(known), known, lambda held: _link(settings, held), people)
    return _hosted(settings, channel, lambda _: known.asks)


def _slack(settings: Settings) -> Sink:
    from streams.slack_parts import slack_channel

    people = load_policy(settings.policy).people
    channel = slack_channel(settings.slack, people, lambda held: _link(settings, held))
    return _hosted(settings, channel, channel.asks_in)


def _hosted(settings: Settings, channel: Channel, asks_in: Callable[[EnvironmentName], bool]) -> Sink:
    writer = LogWriter(settings.bootstrap, settings.prefix)
    return ApprovalSink(
        channel,
        ConversationLog(channel.name, writer, _conversations(settings)),
        end_of=HoldEnds(settings).of,
        publish=_publishing(writer),
        patience=Patience(poll=settings.approvals.poll, tries=settings.approvals.tries),
        now=clock.now,
        asks_in=asks_in,
    )


def _answers(settings: Settings) -> Sink:
    def follow(let_go: Callable[[Iterable[tuple[str, int]]], None]) -> GroupReader:
        topic = topic_name(Topic.CALLBACKS, settings.prefix)
        group = f"{settings.prefix}answers"
        return GroupReader(settings.bootstrap, [topic], group, let_go=let_go, instance=settings.instance)

    writer = LogWriter(settings.bootstrap, settings.prefix)
    return AnswersSink(
        ConversationLog("", writer, _conversations(settings)),
        writer,
        follow,
        settings.approvals.unknown,
        clock.now,
        tend=_socket(settings),
    )


def _socket(settings: Settings) -> Callable[[], None]:
    """Return what keeps Slack's socket open; nothing where answers come over HTTP alone."""
    if not settings.slack.app_token:
        return lambda: None
    from streams.slack_parts import slack_socket

    socket = slack_socket(settings.slack, _publishing(LogWriter(settings.bootstrap, settings.prefix)))
    return Listener("slack-socket", socket.run, clock.now).tend if socket is not None else lambda: None


def _conversations(settings: Settings) -> TopicTail:
    return TopicTail(settings.bootstrap, topic_name(Topic.CONVERSATIONS, settings.prefix))


def _publishing(writer: LogWriter) -> Callable[[Reply], None]:
    lock = Lock()

    def publish(reply: Reply) -> None:
        with lock:
            writer.send(reply_message(reply))
            writer.flush()

    return publish


def _link(settings: Settings, held: Held) -> str:
    return settings.gitops.evidence.replace("{release}", held.release)
