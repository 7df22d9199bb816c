"""What a channel is told that is no question: pages, releases and what was done.

What cannot be told now is kept on Kafka beside the conversations, so no effect waits for a channel.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import assert_never

from actions.errors import ActionError, NotAllowedActionError, PermanentActionError, TransientActionError
from actions.people.channel import Channel, Done
from schemas.orders import Outcome, Page
from schemas.releases import Release
from streams.approval_conversations import Notice
from streams.approval_log import ConversationLog, notice_id
from streams.approval_pauses import Pauses

logger = logging.getLogger("suture.approvals")


class Notices:
    """Tells them, and tries again.

    Args:
        channel: Where they are told.
        log: Keeps what could not be told.
        pauses: What failed lately on the channel, questions among it.
        is_too_old: Whether what was said then is not told any more.
    """

    def __init__(
        self,
        channel: Channel,
        log: ConversationLog,
        pauses: Pauses,
        is_too_old: Callable[[datetime], bool],
    ) -> None:
        self._channel, self._log, self._pauses, self._is_too_old = channel, log, pauses, is_too_old

    def tell(self, said: Page | Release | Done) -> None:
        """Tell something that is no question; what cannot be told now is kept.

        Raises:
            ActionError: it can never be told.
        """
        notice = Notice(channel=self._channel.name, said=said)
        if self._is_too_old(notice.at):
            return
        if self._pauses.is_any:
            self._log.keep(notice)
            return
        try:
            self._call(notice)
        except (TransientActionError, NotAllowedActionError) as error:
            self._log.keep(notice)
            self._pauses.failed(notice_id(said), error)
            _log_notice(notice, error)

    def attempt(self, notice: Notice) -> ActionError | None:
        """Try once more to tell what was kept; return what failed, None when nothing did."""
        key = notice_id(notice.said)
        if self._pauses.holds(key):
            return None
        failed: ActionError | None = None
        try:
            if self._is_too_old(notice.at):
                raise PermanentActionError("it was said too long ago")
            self._call(notice)
        except (TransientActionError, NotAllowedActionError) as error:
            self._pauses.failed(key, error)
            _log_notice(notice, error)
            return error
        except ActionError as error:
            failed = error
        if failed is not None:
            logger.error(
                "gave up telling people",
                extra={"channel": self._channel.name, "notice": notice.said.id, "reason": str(failed)},
            )
        self._log.forget(notice)
        self._pauses.succeeded(key)
        return failed

    def _call(self, notice: Notice) -> None:
        match notice.said:
            case Page() as page:
                self._channel.notify(page)
            case Done() as done:
                self._channel.done(done)
            case Release() as release:
                self._channel.started(release)
            case _:
                assert_never(notice.said)


def done_of(outcome: Outcome) -> Done:
    """Return what a timeline of changes shows of an order that was carried out."""
    template = f" to template {outcome.template_after}" if outcome.template_after else ""
    return Done(
        id=outcome.id,
        environment=outcome.environment,
        service=outcome.service,
        at=outcome.at,
        text=f"{outcome.command_kind} of {outcome.service} in {outcome.environment}{template} done",
    )


def _log_notice(notice: Notice, error: ActionError) -> None:
    logger.warning(
        "people cannot be told",
        extra={"channel": notice.channel, "notice": notice.said.id, "reason": str(error)},
    )
