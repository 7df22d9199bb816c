"""What other systems tell of releases after the fact, from the gateway onto the log.

None of them knows environments as Suture does: a revert and a note go to every environment that is known
here, and the one that knows the release says so.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from http import HTTPStatus

from schemas.git_reverts import Reverts
from schemas.keys import EnvironmentName
from schemas.labels import AfterwordTold, LabelSource
from schemas.observation_messages import observation_message
from schemas.pagerduty_afterwords import IncidentOpened, LabelNote
from schemas.topics import Topic
from streams.afterword_settings import PagerDutyServices
from streams.gateway_bodies import RefusedRequest
from streams.release_board import ReleaseBoard

Publish = Callable[[Topic, bytes | None, bytes, list[tuple[str, bytes]]], Awaitable[None]]


class Afterwords:
    """Puts what is told after the fact onto the log.

    Args:
        publish: Puts a message onto a topic; raises RefusedRequest (503) when Kafka does not take it.
        board: Knows the environments.
        services: Whose incidents count.
    """

    def __init__(self, publish: Publish, board: ReleaseBoard, services: PagerDutyServices) -> None:
        self._publish = publish
        self._board = board
        self._services = services

    async def reverts(self, found: Reverts, channel: str, at: datetime) -> int:
        """Put a revert onto the log of each environment; return of how many."""
        return await self._put(
            [
                AfterwordTold(
                    environment=environment,
                    source=LabelSource.REVERT,
                    about=found.about,
                    by=found.by,
                    channel=channel,
                    at=at,
                    commits=found.commits,
                    why=f"reverted by {found.about[:12]}",
                )
                for environment in self._environments()
            ]
        )

    async def told_by_pagerduty(self, found: IncidentOpened | LabelNote, now: datetime) -> int:
        """Put an incident or a note onto the log of each environment that it may be about."""
        if isinstance(found, LabelNote):
            return await self._put(
                [
                    AfterwordTold(
                        environment=environment,
                        source=LabelSource.HUMAN,
                        about=found.source,
                        by=found.by,
                        channel="pagerduty",
                        at=min(found.at, now),
                        kind=found.kind,
                        code=found.code,
                        why=found.why,
                    )
                    for environment in self._environments()
                ]
            )
        named = self._services.names.get(found.service)
        if named is None:
            return 0
        environment, service = named
        return await self._put(
            [
                AfterwordTold(
                    environment=environment,
                    source=LabelSource.INCIDENT,
                    about=found.incident,
                    by="",
                    channel="pagerduty",
                    at=min(found.at, now),
                    service=service,
                    why=f"incident {found.incident} was opened",
                )
            ]
        )

    def _environments(self) -> list[EnvironmentName]:
        return sorted({environment for environment, _ in self._board.services()})

    async def _put(self, told: list[AfterwordTold]) -> int:
        """Publish at once: each waits for Kafka, and who tells does not wait long.

        Raises:
            RefusedRequest: Kafka does not take one of them (503).
        """
        for result in await asyncio.gather(*(self._one(one) for one in told), return_exceptions=True):
            if isinstance(result, RefusedRequest):
                raise RefusedRequest(HTTPStatus.SERVICE_UNAVAILABLE, result.message) from result
            if isinstance(result, BaseException):
                raise result
        return len(told)

    async def _one(self, told: AfterwordTold) -> None:
        message = observation_message(Topic.ENVIRONMENT_OBSERVATIONS, told.environment, told)
        await self._publish(message.topic, message.key, message.value, list(message.headers))
