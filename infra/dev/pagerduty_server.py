"""A stand-in for PagerDuty, which cannot be had here: its REST, Events and webhooks over TLS sockets.

What it answers hangs on what was said before, as at the vendor. With the vendor's documents at hand every
request is held against them; one that is not as they say is answered 400 and kept in `violations`.

    python -m infra.dev.pagerduty_server

serves until it is told to stop, and prints the settings with which `suture` finds it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import ssl
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from infra.dev.pagerduty_state import BOT, SERVICE, Account, Incident, Json, Subscription

__all__ = ["BOT", "ROUTING_KEY", "SERVICE", "TOKEN", "Delivery", "Fault", "Incident", "PagerDuty", "running"]

TOKEN = "u+StandInForPagerDuty"
ROUTING_KEY = "0123456789abcdef0123456789abcdef"
_HOST = "127.0.0.1"
_DELIVERY_DEADLINE_S = 5.0
"""The vendor's: an endpoint that takes longer has failed."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One request that goes wrong.

    Attributes:
        status: Answered instead; 0 hangs up without an answer.
        method: Of the requests that it is meant for; "" for any.
        path: Pattern that the path of these holds; "" for any.
        is_done: The request takes effect, and only the answer is lost.
        waits: Waited for before the answer, for half a minute at most: a server that is slow.
    """

    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    method: str = ""
    path: str = ""
    is_done: bool = False
    waits: threading.Event | None = None


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One webhook on its way: send it late, twice or never."""

    url: str
    headers: dict[str, str]
    body: bytes
    event: Json


class PagerDuty:
    """The stand-in.

    Attributes:
        account: What it holds, and what people do there.
        url: Base of the REST API and of the Events API.
        authority: File with the certificate to trust.
        requests: Method, path and body of every request, oldest first.
        violations: What was wrong with requests, by the vendor's documents.
        faults: What goes wrong next: each once, at the first request that it is meant for.
        is_down: It hangs up on everybody.
        deliveries: Webhooks that wait to be sent; `deliver` sends them.
        holds_deliveries: Webhooks are not sent by themselves.
        answered: Status of every delivery that was sent; 0 where nobody answered.
    """

    def __init__(self, contracts: Path | None = None) -> None:
        self.account = Account()
        self.account.tell = self._queue
        self.url = ""
        self.authority = Path()
        self.requests: list[tuple[str, str, Any]] = []
        self.violations: list[str] = []
        self.faults: list[Fault] = []
        self.is_down = False
        self.deliveries: list[Delivery] = []
        self.holds_deliveries = False
        self.answered: list[int] = []
        self._lock = threading.RLock()
        self._contract = None
        if contracts is not None:
            # Its validators are for development alone.
            from infra.dev.pagerduty_contract import read_contract

            self._contract = read_contract(contracts)

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables with which an installation speaks to it."""
        return {
            "SUTURE_PAGERDUTY_URL": self.url,
            "SUTURE_PAGERDUTY_EVENTS_URL": self.url,
            "SUTURE_PAGERDUTY_CA": str(self.authority),
            "SUTURE_PAGERDUTY_TOKEN": TOKEN,
            "SUTURE_PAGERDUTY_FROM": self.account.people[BOT],
            "SUTURE_PAGERDUTY_SERVICE": SERVICE,
            "SUTURE_PAGERDUTY_ROUTING_KEY": ROUTING_KEY,
        }

    @property
    def incident(self) -> Incident:
        """Return the newest incident."""
        return list(self.account.incidents.values())[-1]

    def subscribe(self, url: str, secret: str) -> Subscription:
        """Send webhooks to an address from now on, signed with this secret."""
        kinds = ("incident.custom_field_values.updated", "incident.annotated", "pagey.ping")
        number = len(self.account.subscriptions)
        made = Subscription(id=f"PHOOK{number}", url=url, secret=secret, events=kinds)
        self.account.subscriptions[made.id] = made
        return made

    def sets_field(self, incident: str, user: str | None, value: str) -> None:
        """Set the field of the decision as a person does, or an automation for None; tell webhooks."""
        with self._lock:
            self.account.sets_field(incident, user, value)
        self._send_queued()

    def writes_note(self, incident: str, user: str, text: str) -> None:
        """Write a note as a person does; tell webhooks."""
        with self._lock:
            self.account.writes_note(incident, user, text)
        self._send_queued()

    def deliver(self, delivery: Delivery) -> int:
        """Send a webhook, now, and return the status that it was answered with; 0 for none."""
        request = urllib.request.Request(
            delivery.url, data=delivery.body, headers=delivery.headers, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=_DELIVERY_DEADLINE_S) as answer:
                status = int(answer.status)
        except urllib.error.HTTPError as error:
            status = error.code
        except OSError:
            status = 0
        self.answered.append(status)
        return status

    def _queue(self, event: Json) -> None:
        body = json.dumps({"event": event}).encode()
        for one in self.account.subscriptions.values():
            if one.is_disabled or event["event_type"] not in (*one.events, "pagey.ping"):
                continue
            digest = hmac.new(one.secret.encode(), body, hashlib.sha256).hexdigest()
            headers = {
                "Content-Type": "application/json",
                "User-Agent": "PagerDuty-Webhook/V3.0",
                "X-PagerDuty-Signature": f"v1={digest}",
                "X-Webhook-Id": f"{one.id}-{event['id']}",
                "X-Webhook-Subscription": one.id,
            }
            self.deliveries.append(Delivery(url=one.url, headers=headers, body=body, event=event))

    def _send_queued(self) -> None:
        while self.deliveries and not self.holds_deliveries:
            self.deliver(self.deliveries.pop(0))

    def _reply(
        self, method: str, target: str, headers: dict[str, str], body: Any
    ) -> tuple[int, dict[str, str], Any]:
        """Return status, headers and body of an answer; status 0 hangs up."""
        parts = urlsplit(target)
        query = parse_qsl(parts.query, keep_blank_values=True)
        fault = self._fault(method, parts.path)
        if fault is not None and fault.waits is not None:
            fault.waits.wait(30.0)
        with self._lock:
            self.requests.append((method, parts.path, body))
            if self.is_down:
                return 0, {}, None
            if fault is not None and not fault.is_done:
                return fault.status, fault.headers, {"error": {"message": "Not now", "code": 0}}
            answered = self._answer(method, parts.path, query, headers, body)
        threading.Thread(target=self._send_queued, daemon=True).start()
        return (fault.status, fault.headers, None) if fault is not None else answered

    def _answer(
        self, method: str, path: str, query: list[tuple[str, str]], headers: dict[str, str], body: Any
    ) -> tuple[int, dict[str, str], Any]:
        is_event = path.startswith("/v2/")
        if not is_event and headers.get("authorization") != f"Token token={TOKEN}":
            return 401, {}, {"error": {"message": "Invalid token", "code": 2006}}
        if self._contract is not None:
            faults = self._contract.faults(method, path, query, headers, body)
            if faults:
                self.violations += faults
                return 400, {}, {"error": {"message": "Invalid", "code": 2001, "errors": faults}}
        sender = next((one for one, mail in self.account.people.items() if mail == headers.get("from")), "")
        if method != "GET" and headers.get("from") and not sender:
            return 400, {}, {"error": {"message": "Requester User Not Found", "code": 1008}}
        status, answer = self.account.answer(method, path, query, sender or BOT, body)
        return (
            status,
            {"ratelimit-limit": "960", "ratelimit-remaining": "900", "ratelimit-reset": "60"},
            answer,
        )

    def _fault(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for index, one in enumerate(self.faults):
                if one.method in ("", method) and re.search(one.path, path):
                    return self.faults.pop(index)
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Who distrusts the certificate or hangs up is no defect of the server.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


@contextmanager
def running(contracts: Path | None = None) -> Iterator[PagerDuty]:
    """Serve a stand-in on a free port of this machine for the length of a `with` block.

    Args:
        contracts: Folder of the vendors' documents; None checks no request against them.
    """
    pagerduty = PagerDuty(contracts)
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        _certify(certificate, key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        with _Server((_HOST, 0), _handler(pagerduty)) as http:
            # The handshake is left to each connection's own thread: who says nothing stops nobody else.
            http.socket = context.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
            pagerduty.url, pagerduty.authority = f"https://{_HOST}:{http.server_port}", certificate
            thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
            thread.start()
            try:
                yield pagerduty
            finally:
                http.shutdown()
                thread.join()


def _certify(certificate: Path, key: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    names = ["-subj", f"/CN={_HOST}", "-addext", f"subjectAltName=IP:{_HOST}"]
    subprocess.run(
        [*command, *names, "-nodes", "-days", "2", "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )


def _handler(pagerduty: PagerDuty) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # An answer leaves as one piece: in several, each waits 40 ms for the other side's acknowledgement.
        wbufsize = -1
        disable_nagle_algorithm = True
        timeout = 60

        def answer_any(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, more, body = pagerduty._reply(
                self.command, self.path, headers, json.loads(text) if text else None
            )
            self.close_connection = self.close_connection or status == 0
            if status == 0:
                return
            written = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**more, "Content-Type": "application/json"}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        do_GET = do_POST = do_PUT = do_DELETE = answer_any  # noqa: N815  # the names that it looks for

        def log_message(self, *_: Any) -> None:
            return

    return Handler


def main() -> None:
    """Serve until standard input ends or the process is told to stop."""
    with running() as pagerduty:
        for name, value in pagerduty.environment.items():
            print(f"{name}={value}", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
