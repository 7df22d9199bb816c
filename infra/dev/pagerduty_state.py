"""What a PagerDuty account holds, as far as a client of ours meets it: incidents, notes, fields, events."""

from __future__ import annotations

import itertools
import json
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

__all__ = ["BOT", "SERVICE", "Account", "Incident", "Json", "Subscription"]

Json = dict[str, Any]

BOT = "PSUTURE"
"""The user on whose behalf the token writes."""

SERVICE = "PSERVCE"
"""The one service of the account."""

FIELD = "rollback_decision"
OPTIONS = ("pending", "approve", "reject", "granted", "rejected", "expired", "withdrawn")
_WEB = "https://shop.pagerduty.com"


@dataclass
class Incident:
    """One incident; entries and notes oldest first."""

    id: str
    number: int
    title: str
    key: str
    details: str
    created_at: str
    status: str = "triggered"
    escalation_level: int = 1
    assignees: tuple[str, ...] = ()
    kind: str = "incident_default"
    resolution: str = ""
    values: dict[str, str | None] = field(default_factory=dict)
    notes: list[Json] = field(default_factory=list)
    entries: list[Json] = field(default_factory=list)

    @property
    def reference(self) -> Json:
        """Return how others refer to it."""
        return {**_reference("incident", self.id), "summary": f"[#{self.number}] {self.title}"}


@dataclass
class Subscription:
    """One subscription to webhooks, with the secret that is told once."""

    id: str
    url: str
    secret: str
    events: tuple[str, ...]
    service: str = SERVICE
    is_disabled: bool = False


class Account:
    """The account's state, and its API's answers. It has the custom field already.

    Attributes:
        people: Email by user id.
        fields: Options by name of each custom field of incidents; None for free text.
        events: Bodies that came to the Events API, oldest first.
        changes: Bodies of change events, likewise.
        tell: Called with each event that a webhook tells of.
        clock: Gives the time of what is written.
    """

    def __init__(self) -> None:
        self.people = {BOT: "suture@example.com", "PADA": "ada@example.com", "PBOB": "bob@example.com"}
        self.fields: dict[str, tuple[str, ...] | None] = {FIELD: OPTIONS}
        self.incidents: dict[str, Incident] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.events: list[Json] = []
        self.changes: list[Json] = []
        self.tell: Callable[[Json], None] = lambda _: None
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: TID251  # a vendor has a clock of its own
        self._ids = itertools.count(1)

    # What the API answers.

    def answer(
        self, method: str, path: str, query: Sequence[tuple[str, str]], sender: str, body: Json | None
    ) -> tuple[int, Any]:
        """Return status and body for a request that is as the contract says."""
        given = body or {}
        match method, path.strip("/").split("/"):
            case "POST", ["v2", "enqueue"]:
                self.events.append(given)
                return 202, {
                    "status": "success",
                    "message": "Event processed",
                    "dedup_key": given["dedup_key"],
                }
            case "POST", ["v2", "change", "enqueue"]:
                self.changes.append(given)
                return 202, {"status": "success", "message": "Change event processed"}
            case "POST", ["incidents"]:
                return self._new_incident(given["incident"], sender)
            case "GET", ["incidents"]:
                return 200, {"incidents": self._listed(query), "limit": 25, "offset": 0, "more": False}
            case method, ["incidents", "types", "incident_default", "custom_fields"]:
                return self._fields(method, given)
            case "POST", ["incidents", "types", "incident_default", "custom_fields", one, "field_options"]:
                return self._new_option(one, given["field_option"]["data"]["value"])
            case method, ["incidents", incident, *rest] if incident in self.incidents:
                return self._incident(method, self.incidents[incident], rest, query, sender, given)
            case "GET", ["services", service] if service == SERVICE:
                return 200, {"service": {**_reference("service", SERVICE), "type": "service", "name": "shop"}}
            case "GET", ["users"]:
                wanted = dict(query).get("query", "")
                found = [
                    {**_person(one), "email": mail} for one, mail in self.people.items() if wanted in mail
                ]
                return 200, {"users": found, "limit": 25, "offset": 0, "more": False}
            case method, ["webhook_subscriptions", *rest]:
                return self._subscriptions(method, rest, given)
        return 404, _error(2100, "Not Found")

    def _new_incident(self, given: Json, sender: str) -> tuple[int, Any]:
        if given["service"]["id"] != SERVICE:
            return 400, _error(2001, "Invalid Input Provided", "Service not found.")
        key = given.get("incident_key", "")
        if key and any(one.key == key and one.status != "resolved" for one in self.incidents.values()):
            # The code of any other invalid input: what tells is that an open incident has the key.
            return 400, _error(2001, "Incident Not Saved", "An open incident has this key")
        incident = Incident(
            id=self._id("PINC"),
            number=len(self.incidents) + 1,
            title=given["title"],
            key=key,
            details=given.get("body", {}).get("details", ""),
            created_at=self._now(),
            kind=given.get("incident_type", {}).get("name", "incident_default"),
            values=dict.fromkeys(self.fields),
        )
        self.incidents[incident.id] = incident
        self._enter(incident, "trigger_log_entry", sender)
        self._tell("incident.triggered", sender, self._shown(incident))
        return 201, {"incident": self._shown(incident)}

    def _listed(self, query: Sequence[tuple[str, str]]) -> list[Json]:
        key = dict(query).get("incident_key")
        statuses = [value for name, value in query if name == "statuses[]"]
        return [
            self._shown(one)
            for one in self.incidents.values()
            if (not key or one.key == key) and (not statuses or one.status in statuses)
        ]

    def _incident(
        self,
        method: str,
        incident: Incident,
        rest: list[str],
        query: Sequence[tuple[str, str]],
        sender: str,
        given: Json,
    ) -> tuple[int, Any]:
        match method, rest:
            case "GET", []:
                return 200, {"incident": self._shown(incident)}
            case "PUT", []:
                return self._update(incident, given["incident"], sender)
            case "GET", ["notes"]:
                return 200, {"notes": incident.notes}
            case "POST", ["notes"]:
                return 200, {"note": self._annotate(incident, sender, given["note"]["content"])}
            case "GET", ["log_entries"]:
                asked = dict(query)
                offset, limit = int(asked.get("offset", 0)), int(asked.get("limit", 25))
                # Newest first, as the vendor lists them; `since` is compared as an instant.
                since = datetime.fromisoformat(asked.get("since", "1970-01-01T00:00:00Z"))
                entries = [
                    one
                    for one in reversed(incident.entries)
                    if datetime.fromisoformat(one["created_at"]) >= since
                ]
                page = entries[offset : offset + limit]
                more = offset + limit < len(entries)
                return 200, {"log_entries": page, "limit": limit, "offset": offset, "more": more}
            case "GET", ["custom_fields", "values"]:
                return 200, {"custom_fields": self._values(incident)}
            case "PUT", ["custom_fields", "values"]:
                return self._set_values(incident, sender, given["custom_fields"])
        return 404, _error(2100, "Not Found")

    def _update(self, incident: Incident, given: Json, sender: str) -> tuple[int, Any]:
        if given.get("status") == "resolved" and incident.status == "resolved":
            return 400, _error(1001, "Incident Already Resolved")
        incident.title = given.get("title", incident.title)
        incident.escalation_level = given.get("escalation_level", incident.escalation_level)
        incident.resolution = given.get("resolution", incident.resolution)
        if "assignments" in given:
            assignees = tuple(one["assignee"]["id"] for one in given["assignments"])
            if not set(assignees) <= self.people.keys():
                return 400, _error(2001, "Invalid Input Provided", "Assignee not found.")
            incident.assignees = assignees
            self._enter(incident, "assign_log_entry", sender)
        if "escalation_level" in given:
            self._enter(incident, "escalate_log_entry", sender)
        if "status" in given:
            incident.status = given["status"]
            kind = {"resolved": "resolve", "acknowledged": "acknowledge"}.get(
                given["status"], "unacknowledge"
            )
            self._enter(incident, f"{kind}_log_entry", sender)
            self._tell(f"incident.{given['status']}", sender, self._shown(incident))
        return 200, {"incident": self._shown(incident)}

    def _annotate(self, incident: Incident, user: str, content: str) -> Json:
        note = {
            "id": self._id("PNOTE"),
            "user": _person(user),
            "channel": {"summary": "The PagerDuty website or APIs"},
            "content": content,
            "created_at": self._now(),
        }
        incident.notes.append(note)
        self._enter(incident, "annotate_log_entry", user)
        self._tell(
            "incident.annotated",
            user,
            {
                "incident": incident.reference,
                "id": note["id"],
                "content": content,
                "trimmed": False,
                "type": "incident_note",
            },
        )
        return note

    def _set_values(self, incident: Incident, user: str | None, given: list[Json]) -> tuple[int, Any]:
        for one in given:
            options = self.fields.get(one["name"], ())
            if one["name"] not in self.fields or (options is not None and one["value"] not in options):
                return 400, _error(2001, "Invalid Input Provided", "Field or option not found.")
        changed = [one for one in given if incident.values.get(one["name"]) != one["value"]]
        old = [{**self._value(one["name"]), "value": incident.values.get(one["name"])} for one in changed]
        incident.values |= {one["name"]: one["value"] for one in given}
        if changed:
            changes = [
                {
                    "id": self._value(one["name"])["id"],
                    "name": one["name"],
                    "value": one["value"],
                    "namespace": "incidents",
                    "old_value": before["value"],
                }
                for one, before in zip(changed, old, strict=True)
            ]
            self._enter(
                incident,
                "custom_field_value_change_log_entry",
                user,
                changeset=[f"Updated {one['name']} to {one['value']}" for one in changed],
                channel={"type": "website", "changeset": {"customer_fields": changes}},
            )
            data = {
                "incident": incident.reference,
                "custom_fields": self._values(incident),
                "changed_custom_fields": old,
                "type": "incident_field_values",
            }
            self._tell("incident.custom_field_values.updated", user, data)
        return 201, {"custom_fields": self._values(incident)}

    def _fields(self, method: str, given: Json) -> tuple[int, Any]:
        if method == "POST":
            new = given["field"]
            if new["name"] in self.fields:
                return 400, _error(2001, "Invalid Input Provided", "Name has already been taken")
            options = new.get("field_options")
            self.fields[new["name"]] = tuple(o["data"]["value"] for o in options) if options else None
            return 201, {"field": self._shown_field(new["name"])}
        return 200, {"fields": [self._shown_field(name) for name in self.fields]}

    def _new_option(self, identity: str, option: str) -> tuple[int, Any]:
        name = next(one for one in self.fields if self._value(one)["id"] == identity)
        self.fields[name] = (*(self.fields[name] or ()), option)
        return 201, {"field_option": self._shown_field(name)["field_options"][-1]}

    def _subscriptions(self, method: str, rest: list[str], given: Json) -> tuple[int, Any]:
        match method, rest:
            case "GET", []:
                listed = [self._shown_subscription(one) for one in self.subscriptions.values()]
                return 200, {"webhook_subscriptions": listed, "limit": 25, "offset": 0, "more": False}
            case "POST", []:
                new = given["webhook_subscription"]
                made = Subscription(
                    id=self._id("PHOOK"),
                    url=new["delivery_method"]["url"],
                    secret=secrets.token_urlsafe(32),
                    events=tuple(new["events"]),
                    service=new["filter"]["id"],
                )
                self.subscriptions[made.id] = made
                shown = self._shown_subscription(made)
                shown["delivery_method"]["secret"] = made.secret
                return 201, {"webhook_subscription": shown}
            case "POST", [one, "enable"] if one in self.subscriptions:
                self.subscriptions[one].is_disabled = False
                return 200, {"webhook_subscription": self._shown_subscription(self.subscriptions[one])}
            case "POST", [one, "ping"] if one in self.subscriptions:
                self._tell("pagey.ping", None, {"message": "Hello from your friend Pagey!", "type": "ping"})
                return 202, None
        return 404, _error(2100, "Not Found")

    # What people do in PagerDuty's own pages.

    def sets_field(self, incident: str, user: str | None, value: str, name: str = FIELD) -> None:
        """Set a custom field as a person does, or as an automation when `user` is None."""
        status, answer = self._set_values(self.incidents[incident], user, [{"name": name, "value": value}])
        assert status == 201, answer

    def writes_note(self, incident: str, user: str, text: str) -> None:
        """Write a note as a person does."""
        self._annotate(self.incidents[incident], user, text)

    def resolves(self, incident: str, user: str) -> None:
        """Resolve an incident as a person does."""
        self._update(self.incidents[incident], {"status": "resolved"}, user)

    def _enter(self, incident: Incident, kind: str, user: str | None, **more: Any) -> None:
        entry = {
            "id": self._id("RENTRY"),
            "type": kind,
            "summary": kind.replace("_", " "),
            "created_at": self._now(),
            "agent": _person(user) if user else _reference("service", SERVICE),
            "channel": {"type": "website"},
            "incident": incident.reference,
            **more,
        }
        incident.entries.append(entry)

    def _tell(self, kind: str, user: str | None, data: Json) -> None:
        event = {
            "id": self._id("01EVENT"),
            "event_type": kind,
            "resource_type": "pagey" if kind == "pagey.ping" else "incident",
            "occurred_at": self._now(),
            "agent": _person(user) if user else None,
            "client": {"name": "PagerDuty"} if user else None,
            "data": data,
        }
        # A copy: what is told does not change when the incident does.
        self.tell(json.loads(json.dumps(event)))

    def _shown(self, incident: Incident) -> Json:
        return {
            "id": incident.id,
            "type": "incident",
            "summary": f"[#{incident.number}] {incident.title}",
            "self": f"https://api.pagerduty.com/incidents/{incident.id}",
            "html_url": f"{_WEB}/incidents/{incident.id}",
            "incident_number": incident.number,
            "created_at": incident.created_at,
            "status": incident.status,
            "title": incident.title,
            "incident_key": incident.key,
            "urgency": "high",
            "service": _reference("service", SERVICE),
        }

    def _values(self, incident: Incident) -> list[Json]:
        return [{**self._value(name), "value": incident.values.get(name)} for name in self.fields]

    def _value(self, name: str) -> Json:
        options = self.fields[name]
        kind = "single_value" if options is None else "single_value_fixed"
        shown = {"id": f"PF{list(self.fields).index(name)}", "type": "field_value", "name": name}
        return {**shown, "namespace": "incidents", "data_type": "string", "field_type": kind}

    def _shown_field(self, name: str) -> Json:
        options = self.fields[name]
        shown = [
            {"id": f"PO{number}", "data": {"data_type": "string", "value": option}}
            for number, option in enumerate(options or ())
        ]
        return {**self._value(name), "type": "field", "enabled": True, "field_options": shown}

    def _shown_subscription(self, one: Subscription) -> Json:
        method: Json = {
            "id": f"{one.id}D",
            "secret": None,
            "temporarily_disabled": one.is_disabled,
            "type": "http_delivery_method",
            "url": one.url,
            "custom_headers": [],
        }
        return {
            "id": one.id,
            "type": "webhook_subscription",
            "active": True,
            "delivery_method": method,
            "events": list(one.events),
            "filter": {"id": one.service, "type": "service_reference"},
        }

    def _id(self, prefix: str) -> str:
        return f"{prefix}{next(self._ids):04d}"

    def _now(self) -> str:
        # Whole seconds in notes and entries, as the vendor writes them.
        return re.sub(r"\.\d+", "", self.clock().astimezone(UTC).isoformat()).replace("+00:00", "Z")


def _reference(kind: str, identity: str) -> Json:
    place = {"service": "services", "user": "users", "incident": "incidents"}[kind]
    return {
        "id": identity,
        "type": f"{kind}_reference",
        "summary": identity,
        "self": f"https://api.pagerduty.com/{place}/{identity}",
        "html_url": f"{_WEB}/{place}/{identity}",
    }


def _person(user: str) -> Json:
    return _reference("user", user)


def _error(code: int, message: str, *errors: str) -> Json:
    return {"error": {"message": message, "code": code, "errors": list(errors)}}
