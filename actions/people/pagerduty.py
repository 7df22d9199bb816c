"""PagerDuty as a channel: each hold is an incident, answered by its custom field or by a note.

To acknowledge or to resolve is never an answer: people do both to stop the noise. Sources:
developer.pagerduty.com, "Incidents", "Custom fields", "Events API v2".
"""

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType

from actions.errors import PermanentActionError
from actions.people.channel import Done, Thread
from actions.people.pagerduty_answers import answers_by_field, answers_by_note
from actions.people.pagerduty_api import Json, PagerDutyApi, RefusedRequestError
from actions.people.pagerduty_settings import INCIDENT_TYPE, PagerDutySettings
from actions.people.pagerduty_texts import (
    LONGEST_SUMMARY,
    change_note,
    details,
    outcome_note,
    plain,
    question_note,
    recovery_note,
    title,
    unanswered_title,
    written_at,
)
from schemas.approvals import HoldChange, HoldChanged, Person
from schemas.judgements import Recovery, RecoveryKind
from schemas.orders import CommandKind, Held, Outcome, OutcomeKind, Page
from schemas.pagerduty_callbacks import PAGERDUTY, PENDING
from schemas.releases import Release
from schemas.replies import Reply

logger = logging.getLogger("suture.pagerduty")

_DONE = (OutcomeKind.DONE, OutcomeKind.ALREADY_DONE)


class PagerDutyChannel:
    """Asks in PagerDuty.

    Where the account has no such custom field, or no custom fields at all, notes alone answer.

    Args:
        api: PagerDuty.
        settings: Which service, field and level.
        link: Where a human reads more about a question; "" for nowhere.
        people: Whom the policy names; the incident is assigned to whom a question is handed over to.
    """

    name = PAGERDUTY

    def __init__(
        self,
        api: PagerDutyApi,
        settings: PagerDutySettings,
        link: Callable[[Held], str] = lambda _: "",
        people: Mapping[str, Person] = MappingProxyType({}),
    ) -> None:
        self._api, self._settings, self._link, self._people = api, settings, link, dict(people)

    def ask(self, held: Held) -> Thread:
        """Open the incident of a hold, or find the one that is open; return where it is.

        Raises:
            PermanentActionError: the settings are wrong, or PagerDuty refuses it for good.
            TransientActionError: PagerDuty cannot be reached or is busy.
        """
        incident = self._opened(held)
        identity = incident.get("id")
        if not isinstance(identity, str) or not identity:
            raise PermanentActionError("PagerDuty's incident has no id, expected one")
        thread = Thread(id=identity, url=str(incident.get("html_url") or ""))
        note = question_note(held, self._settings.decision_field)
        if not self._is_noted(thread, note):
            # The note comes last: where it stands the field was reset before, and may be answered by now.
            self._set_field(thread, PENDING)
            self._write(thread, note)
        return thread

    def change(self, thread: Thread, held: Held, change: HoldChanged) -> None:
        """Note what changed; call whoever is asked now, and empty the field for whoever answers next."""
        note = change_note(held, change)
        if self._is_noted(thread, note):
            return
        if change.change is HoldChange.ESCALATED and self._settings.escalation_level:
            self._call(thread, {"escalation_level": self._settings.escalation_level})
        if change.change is HoldChange.HANDED_OVER:
            self._assign(thread, change.to)
        if change.change in (HoldChange.AGREED, HoldChange.NOT_COUNTED):
            self._set_field(thread, PENDING)
        self._write(thread, note)

    def end(self, thread: Thread, held: Held, change: HoldChanged) -> None:
        """Note the end and put it into the field; resolve what needs nobody any more.

        What was granted is resolved with its outcome. What nobody answered goes on calling people.
        """
        self._write_once(thread, change_note(held, change))
        self._set_field(thread, change.change.value)
        if change.change is HoldChange.EXPIRED:
            self._update(thread, {"title": unanswered_title(held)})
        elif change.change is not HoldChange.GRANTED:
            self._resolve(thread, change.text)

    def outcome(self, thread: Thread, held: Held, outcome: Outcome | None, recovery: Recovery | None) -> None:
        """Note what came of it; resolve when nothing is left to look at.

        It stays open where the order failed, was refused or handed over, or did not help.
        """
        if outcome is not None:
            self._write_once(thread, outcome_note(held, outcome))
        if recovery is not None:
            self._write_once(thread, recovery_note(held, recovery))
        if outcome is not None and _is_settled(outcome, recovery):
            self._resolve(thread, recovery.text if recovery is not None else outcome.detail)

    def poll(self, thread: Thread, held: Held) -> tuple[Reply, ...]:
        """Return the answers that stand on the incident, by the field and by notes."""
        field = self._settings.decision_field
        by_field: tuple[Reply, ...] = ()
        if field:
            # To the second below, since entries have whole seconds.
            since = written_at(held.at.replace(microsecond=0))
            path = f"/incidents/{thread.id}/log_entries"
            entries = self._api.listed(path, "log_entries", (("since", since),))
            by_field = answers_by_field(entries, held, thread.id, field, lambda: self._value(thread))
        by_note = answers_by_note(self._notes(thread), held, thread.id)
        return tuple(sorted((*by_field, *by_note), key=lambda reply: reply.at))

    def notify(self, page: Page) -> None:
        """Call somebody by an alert; nothing without a routing key."""
        self._api.trigger(
            summary=plain(page.summary, LONGEST_SUMMARY),
            source=f"{page.environment}/{page.service}",
            dedup_key=page.id,
            payload={
                "timestamp": written_at(page.at),
                "component": page.service,
                "group": page.environment,
                "class": "suture",
                "custom_details": {"release": page.release or "", "about": page.about, "page": page.id},
            },
        )

    def started(self, release: Release) -> None:
        """Put a release onto the timeline of changes; nothing without a routing key."""
        self._api.change(
            {
                "summary": plain(
                    f"{release.service} {release.version} reaches {release.environment}", LONGEST_SUMMARY
                ),
                "source": f"{release.environment}/{release.service}",
                "timestamp": written_at(release.started_at),
                "custom_details": {
                    "release": release.id,
                    "commit": plain(release.commit),
                    "is_rollback": release.is_rollback,
                },
            },
            (),
        )

    def done(self, done: Done) -> None:
        """Put something that was done onto the timeline of changes, likewise."""
        self._api.change(
            {
                "summary": plain(done.text, LONGEST_SUMMARY),
                "source": f"{done.environment}/{done.service}",
                "timestamp": written_at(done.at),
                "custom_details": {"id": done.id},
            },
            ({"href": done.url, "text": "More"},) if done.url else (),
        )

    def _opened(self, held: Held) -> Json:
        """Return the hold's incident: a new one, or the one that is open under the same key."""
        if held.command is None:
            raise PermanentActionError(f"hold {held.id} has no command, expected one to approve")
        key, service = held.command.id, self._settings.service
        incident: Json = {
            "type": "incident",
            "title": title(held),
            "service": {"id": service, "type": "service_reference"},
            "urgency": "high",
            "incident_key": key,
            "body": {
                "type": "incident_body",
                "details": details(held, self._settings.decision_field, self._link(held)),
            },
        }
        if self._settings.incident_type != INCIDENT_TYPE:
            incident["incident_type"] = {"name": self._settings.incident_type}
        try:
            made = self._api.post("/incidents", {"incident": incident}, is_known_twice=True)
        except RefusedRequestError as error:
            # 400 says many things, in codes that are not to be relied on; the open incident says one.
            if error.status != 400:
                raise
            found = self._open_under(key)
            if found is None:
                raise
            return found
        return _object(made.get("incident"))

    def _open_under(self, key: str) -> Json | None:
        query = [
            ("incident_key", key),
            ("date_range", "all"),
            ("service_ids[]", self._settings.service),
            ("statuses[]", "triggered"),
            ("statuses[]", "acknowledged"),
        ]
        found = self._api.listed("/incidents", "incidents", query)
        return next((one for one in found if one.get("incident_key") == key), None)

    def _notes(self, thread: Thread) -> list[Json]:
        notes = self._api.get(f"/incidents/{thread.id}/notes").get("notes")
        return [one for one in notes if isinstance(one, dict)] if isinstance(notes, list) else []

    def _is_noted(self, thread: Thread, note: str) -> bool:
        marked = note.rpartition("\n")[2]
        return any(marked in str(one.get("content")) for one in self._notes(thread))

    def _write_once(self, thread: Thread, note: str) -> None:
        if not self._is_noted(thread, note):
            self._write(thread, note)

    def _write(self, thread: Thread, note: str) -> None:
        self._api.post(f"/incidents/{thread.id}/notes", {"note": {"content": note}})

    def _value(self, thread: Thread) -> str:
        try:
            answer = self._api.get(f"/incidents/{thread.id}/custom_fields/values")
        except RefusedRequestError:
            return ""
        for one in answer.get("custom_fields") or ():
            if isinstance(one, dict) and one.get("name") == self._settings.decision_field:
                return str(one.get("value") or "")
        return ""

    def _set_field(self, thread: Thread, value: str) -> None:
        field = self._settings.decision_field
        if not field:
            return
        body = {"custom_fields": [{"name": field, "value": value}]}
        try:
            self._api.put(f"/incidents/{thread.id}/custom_fields/values", body)
        except RefusedRequestError as error:
            logger.warning(
                "custom field is not written, notes alone answer",
                extra={"field": field, "incident": thread.id, "why": str(error)},
            )

    def _update(self, thread: Thread, changes: Json) -> None:
        self._api.put(f"/incidents/{thread.id}", {"incident": {"type": "incident_reference", **changes}})

    def _assign(self, thread: Thread, names: tuple[str, ...]) -> None:
        """Assign the incident to people, which calls them; to nobody new where none is known here."""
        known = [self._people[name].pagerduty for name in names if name in self._people]
        users = [{"assignee": {"id": one, "type": "user_reference"}} for one in known if one]
        if users:
            self._call(thread, {"assignments": users})

    def _call(self, thread: Thread, changes: Json) -> None:
        """Change who is called; a person or a level that PagerDuty does not know must not cost the note."""
        try:
            self._update(thread, changes)
        except RefusedRequestError as error:
            logger.warning("nobody new is called", extra={"incident": thread.id, "why": str(error)})

    def _resolve(self, thread: Thread, why: str) -> None:
        try:
            self._update(thread, {"status": "resolved", "resolution": plain(why)})
        except RefusedRequestError as error:
            if error.status != 400:
                raise
            answer = self._api.get(f"/incidents/{thread.id}")
            if _object(answer.get("incident")).get("status") != "resolved":
                raise


def _is_settled(outcome: Outcome, recovery: Recovery | None) -> bool:
    """Return whether nobody needs to look any more: it worked, and helped where that is watched for."""
    if outcome.kind is OutcomeKind.REHEARSED:
        return True
    if outcome.kind not in _DONE:
        return False
    is_watched = outcome.command_kind is CommandKind.UNDO or outcome.awaited is not None
    if recovery is None:
        return not is_watched
    return recovery.kind is RecoveryKind.RECOVERED


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}
