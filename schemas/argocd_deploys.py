"""Argo CD's notifications, by the template in docs/webhooks.md: a sync that came through begins a release.

Argo CD has no body of its own: its notifications send what a template says.

Source: argo-cd.readthedocs.io, "Notifications", "Webhook"; argo-cd, manifests/crds, Application.
"""

from urllib.parse import quote

from schemas.cloudevents import read_instant
from schemas.errors import SchemaError
from schemas.foreign_json import Json, read_object
from schemas.webhook_deploys import (
    NoDeploy,
    Told,
    ToldDeploy,
    WebhookNames,
    optional_text_at,
    text_at,
    usable_instant,
    usable_team,
    usable_version,
)

_LONGEST_LIST = 1000
_NO_VERSION = "latest"


def read_argo_cd(body: bytes, names: WebhookNames) -> Told:
    """Return the deployment that a notification tells of, or why it begins none.

    Service: `service`, else what `names` makes of the application. Environment: `environment`, else the
    namespace deployed to. Version: `version`, else the tag of the image that is named as the service or is
    the only one, else the revision. Before the application is healthy its images are still the old
    ones: without a `version` only a healthy one begins a release.

    Raises:
        SchemaError: it is not as the template writes it.
    """
    whole = read_object(body, "notification")
    phase = text_at(whole, "phase")
    given = usable_version(optional_text_at(whole, "version"))
    if given and phase not in ("Running", "Succeeded"):
        return NoDeploy(why="phase is neither Running nor Succeeded")
    if not given and (phase != "Succeeded" or text_at(whole, "health") != "Healthy"):
        return NoDeploy(why="sync has not succeeded with a healthy application")
    environment = names.environment(
        optional_text_at(whole, "environment") or text_at(whole, "destinationNamespace")
    )
    if isinstance(environment, NoDeploy):
        return environment
    application = text_at(whole, "application")
    service = names.service(optional_text_at(whole, "service") or application)
    revision = optional_text_at(whole, "revision")
    version = given or _tag(whole, service) or usable_version(revision)
    if not version:
        return NoDeploy(why="neither version, images nor revision names a version")
    namespace, started = text_at(whole, "namespace"), text_at(whole, "startedAt")
    return ToldDeploy(
        source=f"/argocd/{quote(namespace, safe='')}/{quote(application, safe='')}",
        deployment=f"{text_at(whole, 'uid')} {started}",
        service=service,
        environment=environment,
        version=version,
        at=read_instant("startedAt", started),
        commit=usable_version(revision),
        url=optional_text_at(whole, "url"),
        team=usable_team(whole.get("team")),
        committed_at=usable_instant(whole.get("committedAt")),
    )


def _tag(whole: dict[str, Json], service: str) -> str:
    """Return the tag of the service's image; "" where none or more than one could be meant.

    >>> _tag({"images": ["registry:5000/shop/cart:1.4.2", "envoy:1.30"]}, "cart")
    '1.4.2'
    """
    images = whole.get("images")
    if images is None:
        return ""
    if not isinstance(images, list) or len(images) > _LONGEST_LIST:
        raise SchemaError(f"images is not a list of at most {_LONGEST_LIST}")
    tags: dict[str, list[str]] = {}
    for image in images:
        if not isinstance(image, str):
            raise SchemaError("images holds something else than strings")
        name, _, tag = image.partition("@")[0].rpartition("/")[2].partition(":")
        tags.setdefault(name, []).append(usable_version(tag))
    meant = tags.get(service) or (next(iter(tags.values())) if len(tags) == 1 else [])
    return meant[0] if len(meant) == 1 and meant[0] != _NO_VERSION else ""
