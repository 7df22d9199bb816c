"""What Datadog is told of releases: deployments, their failure and their remedy, incidents and changes.

Change failure rate and recovery time are computed from deployments that are marked as failed and linked to
what remedied them, incidents stand beside them. Ids are derived, so what is told again is the same thing.

Source: docs.datadoghq.com, API reference v2, "DORA Metrics" and "Events"; datadog-api-client 2.62.0.
"""

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from schemas.instants import to_ms
from schemas.judgements import Recovery, Verdict
from schemas.keys import ReleaseId, derived_id
from schemas.orders import Outcome
from schemas.outward_words import outward_title
from schemas.releases import Release

Json = dict[str, Any]

_COMMIT = re.compile(r"[0-9a-fA-F]{40}(?:[0-9a-fA-F]{24})?")
_LONGEST_TITLE, _LONGEST_MESSAGE, _LONGEST_NAME = 500, 4000, 128


def deployment_id(release: ReleaseId) -> str:
    """Return Datadog's id of a release: 16 to 128 characters, which a release's own id may not be."""
    return derived_id("datadog deployment", release)


def deployment(release: Release) -> Json:
    """Return a deployment. When it was rolled out nobody tells: it is of the instant at which it began."""
    began = to_ms(release.started_at)
    attributes: Json = {
        "id": deployment_id(release.id),
        "service": release.service,
        "env": release.environment,
        "started_at": began,
        "finished_at": began,
        "custom_tags": [f"suture_release:{release.id}"],
    }
    if release.version:
        attributes["version"] = release.version
    if git := _git(release):
        attributes["git"] = git
    return _data(attributes)


def rollback_id(command: str) -> str:
    """Return Datadog's id of a rollback, which is a deployment as well."""
    return derived_id("datadog rollback", command)


def rollback(outcome: Outcome) -> Json:
    """Return the deployment that took a release back. Which version runs again nobody tells."""
    return _data(
        {
            "id": rollback_id(outcome.command),
            "service": outcome.service,
            "env": outcome.environment,
            "started_at": to_ms(outcome.started_at),
            "finished_at": to_ms(outcome.at),
            "custom_tags": [f"suture_rolled_back:{outcome.release}", f"suture_command:{outcome.command}"],
        }
    )


def change_failure(release: ReleaseId, remedy: str = "") -> Json:
    """Return that a release's deployment failed, and by which rollback it was remedied; "" for none yet."""
    attributes: Json = {"change_failure": True}
    if remedy:
        attributes["remediation"] = {"id": remedy, "type": "rollback"}
    return {
        "data": {
            "id": deployment_id(release),
            "type": "dora_deployment_patch_request",
            "attributes": attributes,
        }
    }


def incident(verdict: Verdict) -> Json:
    """Return an incident that goes on."""
    return _incident(
        verdict.release,
        verdict.first_bad_at or verdict.at,
        outward_title(verdict),
        {"services": [verdict.service], "env": verdict.environment, "version": verdict.version},
    )


def incident_over(recovery: Recovery, release: Release, since: datetime) -> Json:
    """Return the same incident, now over.

    Args:
        recovery: Says when it ended.
        release: Caused it.
        since: When it began, as it was told before.
    """
    about = {"services": [release.service], "env": release.environment, "version": release.version}
    title = f"harmful: {release.service} {release.version} in {release.environment}"
    over = {"finished_at": to_ms(recovery.recovered_at or recovery.at)}
    return _incident(release.id, since, title, {**about, **over})


def change(outcome: Outcome) -> Json:
    """Return the change event of a rollback."""
    title = f"Suture rolled {outcome.service} in {outcome.environment} back"
    named = f"{outcome.environment}/{outcome.service}"[:_LONGEST_NAME]
    return {
        "data": {
            "type": "event",
            "attributes": {
                "title": title[:_LONGEST_TITLE],
                "message": f"{outcome.release} was taken back on {outcome.target.key}"[:_LONGEST_MESSAGE],
                "category": "change",
                "timestamp": outcome.at.isoformat(),
                "aggregation_key": rollback_id(outcome.command),
                "tags": [
                    f"service:{outcome.service}",
                    f"env:{outcome.environment}",
                    f"suture_release:{outcome.release}",
                ],
                "attributes": {
                    "author": {"name": "suture", "type": "automation"},
                    "changed_resource": {"name": named, "type": "configuration"},
                    "impacted_resources": [{"name": outcome.service[:_LONGEST_NAME], "type": "service"}],
                    "prev_value": {"template": outcome.template_before},
                    "new_value": {"template": outcome.template_after},
                    "change_metadata": {"command": outcome.command, "release": outcome.release},
                },
            },
        }
    }


def _incident(release: ReleaseId, since: datetime, name: str, more: Json) -> Json:
    return _data(
        {
            "id": derived_id("datadog incident", release),
            "name": name[:_LONGEST_TITLE],
            "started_at": to_ms(since),
            "custom_tags": [f"suture_release:{release}"],
            **{key: value for key, value in more.items() if value != ""},
        }
    )


def _git(release: Release) -> Json | None:
    """Return where the source is, when the deploy event named a repository and a whole commit."""
    parts = urlsplit(release.repository)
    if parts.scheme != "https" or not parts.path.strip("/") or not _COMMIT.fullmatch(release.commit):
        return None
    return {"commit_sha": release.commit, "repository_url": release.repository}


def _data(attributes: Json) -> Json:
    return {"data": {"attributes": attributes}}
