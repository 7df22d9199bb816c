"""The one door to the `kubernetes` client: raw JSON in and out, errors told apart by what to do next.

Raw, because the client's models drop every field that is newer than they are: a pod template that went
through them would lose what it does not know, without a word.
"""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from kubernetes import client, config
from urllib3 import Retry
from urllib3.exceptions import HTTPError

from actions.errors import (
    ActionError,
    NotAllowedActionError,
    PermanentActionError,
    RefusedActionError,
    TransientActionError,
)
from actions.fence import require_open
from actions.kubernetes_resources import PODS, Resource, Rule

FIELD_MANAGER = "suture"
CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 15.0
"""The client has no timeouts of its own: without these a lost server holds an executor for ever."""

LOG_BYTES_MAX = 64 * 1024
PAGE = 200

_ANYTHING = "application/json, */*"
_METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"

Json = dict[str, Any]


class PatchForm(StrEnum):
    """Ways to write a patch. Always said: by itself the client guesses from the body."""

    JSON = "application/json-patch+json"
    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"


class ConflictError(TransientActionError):
    """Somebody else wrote between our read and our write, or the write is invalid: read again and see."""


class AlreadyExistsError(PermanentActionError):
    """An object of that name is there."""


class NotFoundError(PermanentActionError):
    """There is no such object."""


class ExpiredVersionError(TransientActionError):
    """The server keeps no changes from that version on, or no next page of that list: list anew."""


class UnservedTypeError(NotFoundError):
    """The cluster does not know the type of object."""


class ForbiddenError(NotAllowedActionError):
    """We have no right to it. Asked for a type that is not served, a server says the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """Whether we may do something in a namespace."""

    verb: str
    resource: str
    is_allowed: bool


class KubernetesApi:
    """Speaks to one cluster. In every method `what` begins the text of an error.

    Args:
        settings: Address and credentials; `connect` finds them.
    """

    def __init__(self, settings: client.Configuration) -> None:
        # By itself urllib3 sleeps through a Retry-After of any length, past the command's deadline.
        settings.retries = Retry(0)
        self._client = client.ApiClient(settings)

    @classmethod
    def connect(cls, kubeconfig: Path | None = None, context: str | None = None) -> Self:
        """Return a connection: to the given kubeconfig's cluster, or our own pod's, or KUBECONFIG's.

        Raises:
            PermanentActionError: no configuration is found or it cannot be read.
        """
        settings = client.Configuration()
        try:
            if kubeconfig is None and context is None and "KUBERNETES_SERVICE_HOST" in os.environ:
                config.load_incluster_config(  # type: ignore[no-untyped-call]  # the client leaves it untyped
                    client_configuration=settings
                )
            else:
                file = str(kubeconfig) if kubeconfig else None
                config.load_kube_config(  # type: ignore[no-untyped-call]  # the client leaves it untyped
                    config_file=file, context=context, client_configuration=settings
                )
        except config.ConfigException as error:
            raise PermanentActionError(
                f"no cluster is configured: {error}; set KUBECONFIG or run in a pod with a service account"
            ) from error
        return cls(settings)

    def read(self, what: str, resource: Resource, namespace: str, name: str) -> Json:
        """Return an object as the server wrote it.

        Raises:
            NotFoundError: there is none.
        """
        return self._ask(what, "GET", _path(resource, namespace, name))

    def listed(
        self,
        what: str,
        resource: Resource,
        namespace: str,
        labels: str = "",
        fields: str = "",
        *,
        is_metadata: bool = False,
    ) -> list[Json]:
        """Return the objects that both selectors choose, read in pages, as the server wrote them.

        Args:
            what: Begins the text of an error.
            resource: Their kind.
            namespace: Where they are.
            labels: Selector by label.
            fields: Selector by field.
            is_metadata: The server leaves out everything but their metadata, such as what a Secret holds.
        """
        found: list[Json] = []
        query = {"limit": str(PAGE), "labelSelector": labels, "fieldSelector": fields}
        accept = _METADATA if is_metadata else _ANYTHING
        while True:
            page = self._ask(what, "GET", _path(resource, namespace), query, accept=accept)
            found += page.get("items") or []
            query["continue"] = page.get("metadata", {}).get("continue") or ""
            if not query["continue"]:
                return found

    def page(self, what: str, resource: Resource, namespace: str, after: str = "") -> Json:
        """Return one page of all objects, with the list's own metadata; `after` is the last one's `continue`.

        Raises:
            ExpiredVersionError: the list is too old to be continued.
        """
        return self._ask(what, "GET", _path(resource, namespace), {"limit": str(PAGE), "continue": after})

    def watch(
        self, what: str, resource: Resource, namespace: str, version: str, seconds: int
    ) -> Iterator[bytes]:
        """Return the changes since a version as they come in, in pieces of any size of one JSON a line.

        The request is answered when this returns; the stream ends after so many seconds.

        Raises:
            ExpiredVersionError: the version is too old; while reading, it comes as a line instead.
            TransientActionError: also while reading, where the connection is lost or falls silent.
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
        }
        timeouts = (CONNECT_TIMEOUT_S, seconds + READ_TIMEOUT_S)
        response = self._answer(what, "GET", _path(resource, namespace), query, timeouts=timeouts)
        return _pieces(what, response.response)

    def patch(
        self,
        what: str,
        resource: Resource,
        namespace: str,
        name: str,
        body: Json | list[Json],
        form: PatchForm,
        *,
        subresource: str = "",
        is_rehearsal: bool = False,
        manager: str = FIELD_MANAGER,
    ) -> Json:
        """Apply a patch and return the object after it; a rehearsal stores nothing.

        `manager` is who the fields are said to be written by.

        Raises:
            ConflictError: a precondition did not hold, or the object would be invalid.
        """
        if not is_rehearsal:
            require_open()
        path = _path(resource, namespace, name, subresource)
        query = {"fieldManager": manager, **_dry_run(is_rehearsal)}
        return self._ask(what, "PATCH", path, query, body, form.value)

    def create(
        self, what: str, resource: Resource, namespace: str, body: Json, *, is_rehearsal: bool = False
    ) -> Json:
        """Make an object and return it; a rehearsal stores nothing.

        Raises:
            AlreadyExistsError: there is one of that name.
        """
        if not is_rehearsal:
            require_open()
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict", **_dry_run(is_rehearsal)}
        return self._ask(what, "POST", _path(resource, namespace), query, body)

    def delete(
        self,
        what: str,
        resource: Resource,
        namespace: str,
        name: str,
        preconditions: dict[str, str],
        *,
        is_rehearsal: bool = False,
    ) -> Json:
        """Delete the object of that very uid, in its own time; a rehearsal deletes nothing.

        Raises:
            ConflictError: it is another one by now.
            NotFoundError: there is none.
        """
        body: Json = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": preconditions,
            "propagationPolicy": "Background",
        }
        if is_rehearsal:
            # Not as a parameter: beside a body the server does not read it, and deletes.
            body["dryRun"] = ["All"]
        else:
            require_open()
        return self._ask(what, "DELETE", _path(resource, namespace, name), {}, body)

    def pod_log(self, what: str, namespace: str, pod: str, container: str, lines: int) -> str:
        """Return the last lines that a container wrote."""
        query = {"container": container, "tailLines": str(lines), "limitBytes": str(LOG_BYTES_MAX)}
        return self._bytes(what, "GET", _path(PODS, namespace, pod, "log"), query).decode(errors="replace")

    def rights(self, namespace: str, rules: Iterable[Rule]) -> tuple[Right, ...]:
        """Return which of the rules' rights we have in a namespace, asked of the server itself."""
        return tuple(
            Right(
                verb=verb,
                resource=f"{rule.name}.{rule.resource.group}".rstrip("."),
                is_allowed=self._may(namespace, verb, rule),
            )
            for rule in rules
            for verb in rule.verbs
        )

    def _may(self, namespace: str, verb: str, rule: Rule) -> bool:
        attributes = {
            "namespace": namespace,
            "verb": verb,
            "group": rule.resource.group,
            "resource": rule.resource.plural,
        }
        if rule.subresource:
            attributes["subresource"] = rule.subresource
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answer = self._ask(f"rights in {namespace}", "POST", path, {}, review)
        return bool(answer.get("status", {}).get("allowed"))

    def _ask(
        self,
        what: str,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Json | list[Json] | None = None,
        content_type: str = "application/json",
        accept: str = _ANYTHING,
    ) -> Json:
        try:
            answer: Json = json.loads(
                self._bytes(what, method, path, query or {}, body, content_type, accept)
            )
        except ValueError as error:
            raise TransientActionError(f"{what}: the API server's answer is not JSON") from error
        return answer

    def _bytes(
        self,
        what: str,
        method: str,
        path: str,
        query: dict[str, str],
        body: Json | list[Json] | None = None,
        content_type: str = "application/json",
        accept: str = _ANYTHING,
    ) -> bytes:
        response = self._answer(what, method, path, query, body, content_type, accept)
        with _reaching(what):
            data: bytes = response.read()
        return data

    def _answer(
        self,
        what: str,
        method: str,
        path: str,
        query: dict[str, str],
        body: Json | list[Json] | None = None,
        content_type: str = "application/json",
        accept: str = _ANYTHING,
        timeouts: tuple[float, float] = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
    ) -> Any:
        """Return an answer whose body is not read yet, if it is none of an error."""
        parameters = self._client.param_serialize(
            method,
            path,
            query_params=[(name, value) for name, value in query.items() if value],
            header_params={"Accept": accept, "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        with _reaching(what):
            response: Any = self._client.call_api(*parameters, _request_timeout=timeouts)
            data: bytes = response.read() if response.status >= 400 else b""
        if response.status >= 400:
            raise _explained(what, response.status, data, response.headers)
        return response


@contextmanager
def _reaching(what: str) -> Iterator[None]:
    """Tell apart, as errors of actions, the ways in which a connection fails."""
    try:
        yield
    except client.ApiException as error:
        # Never an answer: the client raises it where a connection is not to be trusted.
        raise PermanentActionError(f"{what}: the API server is not trusted: {error.reason}") from error
    except (HTTPError, OSError) as error:
        # The text of a urllib3 error ends in the cause; its class alone says little.
        raise TransientActionError(f"{what}: the API server cannot be reached: {error}") from error


def _pieces(what: str, response: Any) -> Iterator[bytes]:
    """Yield a body as it comes in; what is left of it is dropped with its connection."""
    try:
        with _reaching(what):
            yield from response.stream(_PIECE_BYTES)
    finally:
        response.close()


_PIECE_BYTES = 64 * 1024


def _path(resource: Resource, namespace: str, name: str = "", subresource: str = "") -> str:
    steps = ["namespaces", namespace, resource.plural, name, subresource]
    return "/".join([resource.root, *(quote(step, safe="") for step in steps if step)])


def _dry_run(is_rehearsal: bool) -> dict[str, str]:
    return {"dryRun": "All"} if is_rehearsal else {}


def _explained(what: str, status: int, body: Any, headers: Any) -> ActionError:
    """Return the error of an answer, with the server's own words.

    Source: kubernetes.io, API concepts, and the `Status` object of meta/v1. How admission says no:
    kubernetes v1.34, apiserver/pkg/admission/plugin/webhook/errors and .../policy/validating; quota:
    .../plugin/resourcequota.
    """
    told: Json = {}
    try:
        parsed = json.loads(body or b"{}")
        told = parsed if isinstance(parsed, dict) else {}
    except ValueError:
        pass
    reason, message = str(told.get("reason") or ""), str(told.get("message") or "")
    text = f"{what}: {status} {reason} {message}".strip()
    if "denied the request" in message or "denied request" in message:
        # A webhook or an admission policy of the cluster: a rule, and no passing state.
        return RefusedActionError(text)
    if status == 403 and "exceeded quota" in message:
        return TransientActionError(text)
    if status == 409 and reason == "AlreadyExists":
        return AlreadyExistsError(text)
    if status in (409, 422):
        return ConflictError(text)
    if status == 404:
        # A type that is not served is answered with bare text instead of a `Status`.
        return NotFoundError(text) if reason else UnservedTypeError(text)
    if status == 403:
        return ForbiddenError(text)
    if status == 410:
        return ExpiredVersionError(text)
    if status == 429 or status >= 500:
        asked = (headers or {}).get("Retry-After") or (told.get("details") or {}).get("retryAfterSeconds")
        try:
            return TransientActionError(text, retry_after_s=float(asked) if asked else None)
        except ValueError:
            return TransientActionError(text)
    if status == 401:
        return NotAllowedActionError(text)
    return PermanentActionError(text)
