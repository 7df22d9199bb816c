"""One question to a source, in the language of its API."""

import base64
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Self, assert_never
from urllib.parse import urlencode

from actions.errors import TransientActionError
from schemas import datadog_query, prometheus_query
from schemas.errors import SchemaError
from schemas.pulled_series import PulledMetric, PulledSeries
from streams.pull_http import SourceAnswer, SourceClient
from streams.pull_progress import Window
from streams.pull_sources import Credential, PullQuery, PullSource, SourceKind

_SECOND = timedelta(seconds=1)
_DATADOG_KEYS = Credential(variable="DD_API_KEY"), Credential(variable="DD_APP_KEY")


class Asker:
    """Asks one source, over one connection.

    Args:
        source: Which.
    """

    def __init__(self, source: PullSource) -> None:
        self._source = source
        is_prometheus = source.kind is SourceKind.PROMETHEUS
        self._client = SourceClient(
            source.timeout / _SECOND,
            source.certificates,
            prometheus_query.failure_text if is_prometheus else datadog_query.failure_text,
        )
        self.date = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.__exit__()

    def ask(self, query: PullQuery, window: Window) -> PulledMetric:
        """Return what a query says of the steps of a window; `date` is then the server's own clock.

        Raises:
            TransientActionError: ask again later.
            PermanentActionError: the query itself is refused, and would be again.
        """
        answer = self._answer(query, window)
        self.date = answer.date
        try:
            series = self._read(answer.body, query, window)
        except SchemaError as error:
            raise TransientActionError(f"HTTP 200: {error}"[:500]) from error
        return PulledMetric(
            metric=query.metric,
            kind=query.kind,
            labels=self._source.labels_of(query),
            fixed=self._source.fixed_of(query),
            series=series,
        )

    def _answer(self, query: PullQuery, window: Window) -> SourceAnswer:
        source = self._source
        match source.kind:
            case SourceKind.PROMETHEUS:
                form = prometheus_query.range_form(
                    prometheus_query.fresh_only(query.query, window.step_ms / 1000),
                    window.start_ms,
                    window.end_ms,
                    window.step_ms,
                    source.timeout / _SECOND,
                )
                headers = {"Content-Type": "application/x-www-form-urlencoded", **_authorization(source)}
                return self._client.post(
                    f"{source.address}/api/v1/query_range", urlencode(form).encode(), headers
                )
            case SourceKind.DATADOG:
                key, application_key = _DATADOG_KEYS
                headers = {
                    "Content-Type": "application/json",
                    "DD-API-KEY": secret(source.api_key or key),
                    "DD-APPLICATION-KEY": secret(source.application_key or application_key),
                }
                body = datadog_query.timeseries_body(
                    query.query, window.start_ms, window.end_ms, window.step_ms
                )
                return self._client.post(f"{source.address}/api/v2/query/timeseries", body, headers)
            case _:
                assert_never(source.kind)

    def _read(self, body: bytes, query: PullQuery, window: Window) -> tuple[PulledSeries, ...]:
        if self._source.kind is SourceKind.PROMETHEUS:
            return prometheus_query.read_matrix(body)
        return datadog_query.read_timeseries(body, query.kind, window.start_ms, window.end_ms, window.step_ms)


AskSource = Callable[[PullQuery, Window], PulledMetric]
"""How a source is asked."""


def secret(credential: Credential) -> str:
    """Return a secret.

    Raises:
        TransientActionError: it cannot be read, which an operator mends while the puller goes on; never
            repeats it.
    """
    if credential.variable:
        text = os.environ.get(credential.variable, "").strip()
        if not text:
            raise TransientActionError(f"no variable {credential.variable} holds its credential")
        return text
    try:
        text = Path(credential.file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise TransientActionError(f"its credential cannot be read from {credential.file}") from error
    if not text or not text.isascii() or not text.isprintable():
        raise TransientActionError(f"{credential.file} holds no credential of one line")
    return text


def _authorization(source: PullSource) -> dict[str, str]:
    headers = {"X-Scope-OrgID": source.tenant} if source.tenant else {}
    if source.token is not None:
        headers["Authorization"] = f"Bearer {secret(source.token)}"
    if source.password is not None:
        pair = f"{source.user}:{secret(source.password)}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    return headers
