"""The one door to the `kubernetes` client: raw JSON in and out, errors told apart by what to do next.

Raw, because the client's models drop every field that is newer than they are: a pod template that went
through them would lose what it does not know, without a word.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from kubernetes import client, config
from urllib3 import Retry
from urllib3.exceptions import HTTPError

from actions.errors import PermanentActionError, TransientActionError

FIELD_MANAGER = "suture"
CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 15.0
"""The client has no timeouts of its own: without these a lost server holds an executor for ever."""

_RIGHTS = (("get", "deployments"), ("patch", "deployments"), ("list", "replicasets"))


class ConflictError(TransientActionError):
    """Somebody else wrote between our read and our write, or the write is invalid: read again and see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """Whether we may do something in a namespace."""

    verb: str
    resource: str
    is_allowed: bool


class _RawResponse(Protocol):
    status: int
    data: bytes

    def getheaders(self) -> Any:
        """Return the headers."""


class KubernetesApi:
    """Speaks to one cluster.

    Args:
        settings: Address and credentials; `connect` finds them.
    """

    def __init__(self, settings: client.Configuration) -> None:
        # By itself urllib3 sleeps through a Retry-After of any length, past the command's deadline.
        settings.retries = Retry(0)
        api_client = client.ApiClient(settings)
        self._apps = client.AppsV1Api(api_client)
        self._authorization = client.AuthorizationV1Api(api_client)

    @classmethod
    def connect(cls, kubeconfig: Path | None = None, context: str | None = None) -> "KubernetesApi":
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

    def deployment(self, what: str, namespace: str, name: str) -> dict[str, Any]:
        """Return a Deployment as the server wrote it; `what` begins the text of an error."""
        return self._ask(
            what,
            lambda: self._apps.read_namespaced_deployment(
                name, namespace, _preload_content=False, _request_timeout=_TIMEOUTS
            ),
        )

    def replica_sets(self, what: str, namespace: str, selector: str) -> list[dict[str, Any]]:
        """Return the ReplicaSets with these labels, in pages, as the server wrote them."""
        found: list[dict[str, Any]] = []
        token: str | None = None
        while True:
            page = self._ask(what, partial(self._replica_set_page, namespace, selector, token))
            found += page.get("items") or []
            token = page.get("metadata", {}).get("continue")
            if not token:
                return found

    def _replica_set_page(self, namespace: str, selector: str, token: str | None) -> Any:
        return self._apps.list_namespaced_replica_set(
            namespace,
            label_selector=selector,
            limit=200,
            _continue=token,
            _preload_content=False,
            _request_timeout=_TIMEOUTS,
        )

    def patch_deployment(
        self,
        what: str,
        namespace: str,
        name: str,
        patch: list[dict[str, Any]],
        *,
        is_rehearsal: bool = False,
    ) -> dict[str, Any]:
        """Apply a JSON patch and return the Deployment after it; a rehearsal stores nothing.

        Raises:
            ConflictError: a `test` did not hold, or the object would be invalid.
        """
        return self._ask(
            what,
            lambda: self._apps.patch_namespaced_deployment(
                name,
                namespace,
                patch,
                field_manager=FIELD_MANAGER,
                dry_run="All" if is_rehearsal else None,
                _content_type="application/json-patch+json",
                _preload_content=False,
                _request_timeout=_TIMEOUTS,
            ),
        )

    def rights(self, namespace: str) -> tuple[Right, ...]:
        """Return what of the needed rights we have in a namespace, asked of the server itself."""
        return tuple(
            Right(verb=verb, resource=f"{resource}.apps", is_allowed=self._may(namespace, verb, resource))
            for verb, resource in _RIGHTS
        )

    def _may(self, namespace: str, verb: str, resource: str) -> bool:
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {
                "resourceAttributes": {
                    "namespace": namespace,
                    "verb": verb,
                    "group": "apps",
                    "resource": resource,
                }
            },
        }
        answer = self._ask(
            f"rights in {namespace}",
            lambda: self._authorization.create_self_subject_access_review(
                review,  # type: ignore[arg-type]  # raw JSON goes through, the models would drop fields
                _preload_content=False,
                _request_timeout=_TIMEOUTS,
            ),
        )
        return bool(answer.get("status", {}).get("allowed"))

    def _ask(self, what: str, request: Callable[[], Any]) -> dict[str, Any]:
        try:
            response: _RawResponse = request()
        except client.ApiException as error:
            raise _explained(what, error.status or 0, error.body, error.headers) from error
        except (HTTPError, OSError) as error:
            # The text of a urllib3 error ends in the cause; its class alone says little.
            raise TransientActionError(f"{what}: the API server cannot be reached: {error}") from error
        if response.status >= 400:
            raise _explained(what, response.status, response.data, response.getheaders())
        try:
            answer: dict[str, Any] = json.loads(response.data)
        except ValueError as error:
            raise TransientActionError(f"{what}: the API server's answer is not JSON") from error
        return answer


_TIMEOUTS = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)


def _explained(
    what: str, status: int, body: Any, headers: Any
) -> TransientActionError | PermanentActionError:
    """Return the error of an answer, with the server's own words.

    Source: kubernetes.io, API concepts, and the `Status` object of meta/v1.
    """
    told: dict[str, Any] = {}
    try:
        parsed = json.loads(body or b"{}")
        told = parsed if isinstance(parsed, dict) else {}
    except ValueError:
        pass
    text = f"{what}: {status} {told.get('reason', '')} {told.get('message', '')}".strip()
    if status in (409, 422):
        return ConflictError(text)
    if status == 429 or status >= 500:
        asked = (headers or {}).get("Retry-After") or (told.get("details") or {}).get("retryAfterSeconds")
        try:
            return TransientActionError(text, retry_after_s=float(asked) if asked else None)
        except ValueError:
            return TransientActionError(text)
    return PermanentActionError(text)
