"""GitLab's webhooks: deployment events begin releases, all else is left alone.

Source: docs.gitlab.com, "Webhook events", "Deployment events".
"""

import re
from datetime import UTC, datetime

from schemas.cloudevents import read_instant
from schemas.errors import SchemaError
from schemas.foreign_json import Json, read_object
from schemas.webhook_deploys import (
    NoDeploy,
    Told,
    ToldDeploy,
    WebhookNames,
    number_at,
    optional_text_at,
    text_at,
)

_BEGINS = ("running", "success")
_RUBY_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}) (UTC|[+-][0-9]{4})")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def read_gitlab(body: bytes, names: WebhookNames) -> Told:
    """Return the deployment that a delivery tells of, or why it begins none.

    The service is what `names` makes of the project, the version is `short_sha` (eight digits, GitLab CI's
    `CI_COMMIT_SHORT_SHA`). The same field says that a deployment is blocked, approved or rejected, which
    begins none.

    Raises:
        SchemaError: it is no JSON object, or a deployment event and not as GitLab writes it.
    """
    whole = read_object(body, "webhook")
    if text_at(whole, "object_kind") != "deployment":
        return NoDeploy(why="object_kind is not deployment, expected nothing else")
    if text_at(whole, "status") not in _BEGINS:
        return NoDeploy(why="status is neither running nor success")
    environment = names.environment(text_at(whole, "environment"))
    if isinstance(environment, NoDeploy):
        return environment
    project = text_at(whole, "project.path_with_namespace")
    return ToldDeploy(
        source=text_at(whole, "project.web_url"),
        deployment=str(number_at(whole, "deployment_id")),
        service=names.service(project),
        environment=environment,
        version=text_at(whole, "short_sha"),
        at=_instant(text_at(whole, "status_changed_at")),
        commit=_commit(whole),
        url=optional_text_at(whole, "deployable_url"),
    )


def _commit(whole: dict[str, Json]) -> str:
    """Return the whole commit, which only an address ends with."""
    tail = optional_text_at(whole, "commit_url").rpartition("/")[2]
    return tail if _COMMIT.fullmatch(tail) else text_at(whole, "short_sha")


def _instant(text: str) -> datetime:
    """Return the instant of a time as Ruby prints it, or of RFC 3339.

    >>> _instant("2021-04-28 21:50:00 +0200")
    datetime.datetime(2021, 4, 28, 19, 50, tzinfo=datetime.timezone.utc)
    """
    printed = _RUBY_TIME.fullmatch(text)
    if printed is None:
        return read_instant("status_changed_at", text)
    offset = "+0000" if printed[2] == "UTC" else printed[2]
    try:
        return datetime.strptime(f"{printed[1]} {offset}", "%Y-%m-%d %H:%M:%S %z").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise SchemaError("status_changed_at is not an instant that exists") from error
