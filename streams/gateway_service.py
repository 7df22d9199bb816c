"""The gateway's process: the HTTP application on a socket, with Kafka behind it, to which it also listens."""

import asyncio

import uvicorn

from schemas.errors import SettingsError
from streams.gateway import create_app
from streams.kafka_publisher import KafkaPublisher
from streams.release_verdicts import ReleaseVerdicts
from streams.settings import Settings
from streams.verdict_reader import VerdictReader, follow


def run_gateway(settings: Settings) -> None:
    """Serve until told to stop.

    Raises:
        SettingsError: the address to listen on is malformed.
    """
    host, _, port = settings.listen.rpartition(":")
    if not host or not port.isdecimal():
        raise SettingsError(f"SUTURE_LISTEN is {settings.listen!r}, expected host:port")
    asyncio.run(_serve(settings, host, int(port)))


async def _serve(settings: Settings, host: str, port: int) -> None:
    async with KafkaPublisher(settings.bootstrap, settings.prefix) as publisher:
        verdicts, reader = ReleaseVerdicts(), VerdictReader(settings)
        app = create_app(
            publisher,
            settings.tokens,
            verdicts=verdicts,
            webhooks=settings.webhooks,
            is_ready=publisher.is_ready,
        )
        config = uvicorn.Config(app, host=host, port=port, log_config=None, access_log=False)
        async with asyncio.TaskGroup() as group:
            following = group.create_task(follow(verdicts, reader.read))
            await uvicorn.Server(config).serve()
            following.cancel()
