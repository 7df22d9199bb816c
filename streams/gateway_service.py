"""The gateway's process: the HTTP application on a socket, with Kafka behind it, to which it also listens."""

import asyncio
import socket
from collections.abc import Callable

import uvicorn

from schemas.errors import SettingsError
from schemas.remote_write_walk import warm_up
from streams import clock
from streams.gateway import create_app
from streams.gateway_callbacks import CallbackSettings
from streams.kafka_publisher import KafkaPublisher
from streams.release_board import ReleaseBoard
from streams.release_verdicts import ReleaseVerdicts
from streams.settings import Settings
from streams.verdict_reader import VerdictReader, follow
from streams.verdict_waiting import VerdictWaiters


class GatewayServer(uvicorn.Server):
    """A server whose end does not wait for those who wait for a verdict.

    Args:
        config: Of the server.
        waiting: Who is told what is held by then, at the end.
    """

    def __init__(self, config: uvicorn.Config, waiting: VerdictWaiters) -> None:
        super().__init__(config)
        self._waiting = waiting

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer everybody who waits, then stop."""
        self._waiting.close()
        await super().shutdown(sockets)


def run_gateway(settings: Settings) -> None:
    """Serve until told to stop.

    Raises:
        SettingsError: the address to listen on is malformed.
    """
    host, _, port = settings.listen.rpartition(":")
    if not host or not port.isdecimal():
        raise SettingsError(f"SUTURE_LISTEN is {settings.listen!r}, expected host:port")
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings, host, int(port)))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the faster event loop; None where it is not there, as on Windows."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _serve(settings: Settings, host: str, port: int) -> None:
    warm_up()
    async with KafkaPublisher(settings.bootstrap, settings.prefix) as publisher:
        verdicts, reader = ReleaseVerdicts(board=ReleaseBoard(now=clock.now)), VerdictReader(settings)
        waiting = VerdictWaiters(verdicts)
        app = create_app(
            publisher,
            settings.tokens,
            waiting=waiting,
            hook_tokens=settings.hook_tokens,
            webhooks=settings.webhooks,
            telemetry=settings.telemetry,
            access=settings.access,
            callbacks=_callbacks(settings),
            journal=settings.journal,
            is_ready=publisher.is_ready,
        )
        config = uvicorn.Config(app, host=host, port=port, log_config=None, access_log=False)
        async with asyncio.TaskGroup() as group:
            following = group.create_task(follow(verdicts, reader.read))
            await GatewayServer(config, waiting).serve()
            following.cancel()


def _callbacks(settings: Settings) -> CallbackSettings:
    """Return what proves people's answers from PagerDuty and Slack."""
    return CallbackSettings(
        pagerduty=settings.pagerduty.webhook_secrets,
        slack=settings.slack.signing_secrets,
        slack_teams=settings.slack.teams,
        decision_field=settings.pagerduty.decision_field,
        services=settings.pagerduty_services,
    )
