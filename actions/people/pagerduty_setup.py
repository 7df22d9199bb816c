"""What an account needs so that people can answer there: made once, and looked at as often as one likes.

Source: PagerDuty's OpenAPI document, operations on incident types' custom fields and webhook subscriptions.
"""

from collections.abc import Callable
from dataclasses import dataclass

from actions.errors import PermanentActionError
from actions.people.pagerduty_api import Json, PagerDutyApi, RefusedRequestError
from actions.people.pagerduty_settings import PagerDutySettings
from schemas.approvals import HoldChange
from schemas.pagerduty_callbacks import FIELD_ANSWERS, PENDING

OPTIONS = (PENDING, *FIELD_ANSWERS, *(change.value for change in HoldChange if change.is_end))
"""What the field may hold: what people choose, and what became of the question."""

EVENTS = ("incident.custom_field_values.updated", "incident.annotated")
"""What webhooks tell of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        text: What was seen and, unless it is good, what to do.
    """

    is_good: bool
    text: str


def make_field(api: PagerDutyApi, settings: PagerDutySettings) -> Finding:
    """Make the custom field, or add the options that it lacks; done again, it changes nothing.

    Raises:
        PermanentActionError: a field of that name is of another kind, or the account has no such fields.
        TransientActionError: PagerDuty cannot be reached or is busy.
    """
    name, path = settings.decision_field, f"/incidents/types/{settings.incident_type}/custom_fields"
    found = _field(api, settings)
    if found is None:
        options = [{"data": {"data_type": "string", "value": option}} for option in OPTIONS]
        body = {
            "name": name,
            "display_name": name.replace("_", " ").capitalize(),
            "description": "What Suture asks, and what became of it. Set it to approve or reject.",
            "data_type": "string",
            "field_type": "single_value_fixed",
            "field_options": options,
        }
        api.post(path, {"field": body})
        return Finding(is_good=True, text=f"custom field {name} is made")
    if found.get("field_type") != "single_value_fixed":
        raise PermanentActionError(
            f"custom field {name} is {found.get('field_type')}, expected single_value_fixed; "
            "name another one in SUTURE_PAGERDUTY_FIELD"
        )
    lacking = _lacking(found)
    for option in lacking:
        data = {"field_option": {"data": {"data_type": "string", "value": option}}}
        api.post(f"{path}/{found['id']}/field_options", data)
    done = f"got {', '.join(lacking)}" if lacking else "was there"
    return Finding(is_good=True, text=f"custom field {name} {done}")


def make_subscription(
    api: PagerDutyApi, settings: PagerDutySettings, url: str, keep: Callable[[str], None]
) -> Finding:
    """Subscribe an address to the service's webhooks, and send it a ping.

    Args:
        api: PagerDuty.
        settings: Which service.
        url: The gateway's route for PagerDuty, as the world reaches it.
        keep: Is given the secret, which PagerDuty never shows again.
    """
    found = next((one for one in _subscriptions(api, settings) if _address(one) == url), None)
    if found is None:
        body = {
            "type": "webhook_subscription",
            "delivery_method": {"type": "http_delivery_method", "url": url},
            "description": "Answers to what Suture asks.",
            "events": list(EVENTS),
            "filter": {"type": "service_reference", "id": settings.service},
        }
        made = api.post("/webhook_subscriptions", {"webhook_subscription": body})
        found = _object(made, "webhook_subscription")
        secret = _object(found, "delivery_method").get("secret")
        if not isinstance(secret, str) or not secret:
            raise PermanentActionError("PagerDuty gave the subscription no secret, expected one")
        keep(secret)
        done = "is made"
    else:
        done = "was there, with the secret that it was made with"
    api.post(f"/webhook_subscriptions/{found.get('id')}/ping")
    return Finding(is_good=True, text=f"webhook subscription to {url} {done}; a ping is on its way")


def look(api: PagerDutyApi, settings: PagerDutySettings) -> tuple[Finding, ...]:
    """Return what is there and what is missing; turn a subscription on again that PagerDuty turned off.

    Raises:
        ActionError: PagerDuty cannot be reached, or does not know the token.
    """
    return (
        _look_at_service(api, settings),
        _look_at_sender(api, settings),
        _look_at_field(api, settings),
        *_look_at_subscriptions(api, settings),
        _look_at_secrets(settings),
        _look_at_events(settings),
    )


def _look_at_service(api: PagerDutyApi, settings: PagerDutySettings) -> Finding:
    try:
        service = _object(api.get(f"/services/{settings.service}"), "service")
    except RefusedRequestError as error:
        return Finding(is_good=False, text=f"service {settings.service} is not there: {error}")
    return Finding(is_good=True, text=f"service {settings.service} is {service.get('name')}")


def _look_at_sender(api: PagerDutyApi, settings: PagerDutySettings) -> Finding:
    people = api.listed("/users", "users", (("query", settings.sender),))
    if any(one.get("email") == settings.sender for one in people):
        return Finding(is_good=True, text=f"{settings.sender} is a user")
    return Finding(
        is_good=False,
        text=f"{settings.sender} is no user of the account, expected one in SUTURE_PAGERDUTY_FROM",
    )


def _look_at_field(api: PagerDutyApi, settings: PagerDutySettings) -> Finding:
    name = settings.decision_field
    if not name:
        return Finding(is_good=True, text="no custom field is wanted, notes alone answer")
    try:
        found = _field(api, settings)
    except RefusedRequestError as error:
        return Finding(is_good=False, text=f"custom fields cannot be had, notes alone answer: {error}")
    if found is None:
        return Finding(is_good=False, text=f"custom field {name} is not there, run suture pagerduty setup")
    if found.get("field_type") != "single_value_fixed" or _lacking(found):
        return Finding(is_good=False, text=f"custom field {name} lacks options, run suture pagerduty setup")
    return Finding(is_good=True, text=f"custom field {name} has its options")


def _look_at_subscriptions(api: PagerDutyApi, settings: PagerDutySettings) -> tuple[Finding, ...]:
    ours = [one for one in _subscriptions(api, settings) if set(EVENTS) & set(one.get("events") or ())]
    if not ours:
        text = "no webhook subscription tells of answers, run suture pagerduty setup --webhook URL; "
        return (Finding(is_good=False, text=f"{text}until then they are found by asking every half minute"),)
    return tuple(_look_at_subscription(api, one) for one in ours)


def _look_at_subscription(api: PagerDutyApi, one: Json) -> Finding:
    where = f"webhook subscription to {_address(one)}"
    lacking = [event for event in EVENTS if event not in (one.get("events") or ())]
    if lacking:
        return Finding(is_good=False, text=f"{where} lacks {', '.join(lacking)}, make it anew")
    if _object(one, "delivery_method").get("temporarily_disabled") is True:
        api.post(f"/webhook_subscriptions/{one.get('id')}/enable")
        text = "was turned off, since deliveries failed, and is on again; see why the gateway refused them"
        return Finding(is_good=False, text=f"{where} {text}")
    if one.get("active") is not True:
        return Finding(is_good=False, text=f"{where} is switched off, switch it on in PagerDuty")
    return Finding(is_good=True, text=f"{where} is on")


def _look_at_secrets(settings: PagerDutySettings) -> Finding:
    if settings.webhook_secrets:
        return Finding(is_good=True, text=f"webhook secrets configured: {len(settings.webhook_secrets)}")
    text = "no webhook secret is configured, expected SUTURE_PAGERDUTY_WEBHOOK_SECRETS at the gateway"
    return Finding(is_good=False, text=text)


def _look_at_events(settings: PagerDutySettings) -> Finding:
    if settings.tells:
        return Finding(is_good=True, text="an integration key is configured; only an event would try it")
    return Finding(is_good=True, text="no integration key: pages without a question and changes are not told")


def _field(api: PagerDutyApi, settings: PagerDutySettings) -> Json | None:
    path = f"/incidents/types/{settings.incident_type}/custom_fields"
    fields = api.get(path, (("include[]", "field_options"),)).get("fields")
    known = [one for one in fields if isinstance(one, dict)] if isinstance(fields, list) else []
    return next((one for one in known if one.get("name") == settings.decision_field), None)


def _lacking(field: Json) -> tuple[str, ...]:
    options = field.get("field_options")
    known = [_object(one, "data").get("value") for one in options] if isinstance(options, list) else []
    return tuple(option for option in OPTIONS if option not in known)


def _subscriptions(api: PagerDutyApi, settings: PagerDutySettings) -> list[Json]:
    query = (("filter_type", "service"), ("filter_id", settings.service))
    return api.listed("/webhook_subscriptions", "webhook_subscriptions", query)


def _address(subscription: Json) -> str:
    return str(_object(subscription, "delivery_method").get("url") or "")


def _object(value: object, key: str) -> Json:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}
