"""A site on which people are asked: a cluster with a workload for each story, PagerDuty, Slack and the parts.

Each story has an environment of its own, so that no story's blame, budget or policy meets another's, and all
of them share one installation, one Kafka and one cluster.
"""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from actions.kubernetes_api import KubernetesApi
from actions.kubernetes_deployments import Deployments
from infra.dev import pagerduty_server, shop_images, slack_server
from infra.dev.cluster import Cluster
from infra.dev.pagerduty_server import Delivery, PagerDuty
from infra.dev.pagerduty_state import Incident
from infra.dev.ports import free_ports
from infra.dev.slack_server import Message, SlackServer
from schemas.approvals import HoldChange, HoldChanged
from schemas.cdevents import deploy_event
from schemas.cloudevents import write_record
from schemas.envelopes import Message as Sent
from schemas.keys import EnvironmentName, ServiceName, TemplateHash
from schemas.observations import Approval, OutcomeReported
from schemas.orders import Command, Held, Outcome
from schemas.topics import Topic
from streams import clock
from streams.kafka_log import Record
from tests.integration.installation import PARTS, TOKENS, Installation
from tests.integration.telemetry import Speaker, Traffic

ADA, BOB, EVE = "UADA", "UBOB", "UEVE"
ROOM = "C0PROD0001"
SECRET = "a-webhook-secret-of-32-characters"

DEFAULTS = """
version: 1
people:
  ada: {pagerduty: PADA, slack: UADA}
  bob: {pagerduty: PBOB, slack: UBOB}
defaults:
  judge: {interval: 1s, lateness: 1s, watch: 10m, min_watch: 10s, min_intervals: 3, quiet: 1m}
  gate: {rollback: ask, cooldown: 0s, recovery: 30s, blame_wait: 0s, approval_expires: 20m}
  target: {kind: deployment, cluster: default, namespace: NAMESPACE, workload: "{environment}"}
environments:
"""


@dataclass
class Times:
    """When things happened in one story; the table is made of it."""

    way: str = ""
    deployed: datetime | None = None
    answered: datetime | None = None
    more: dict[str, datetime] = field(default_factory=dict)


class Site:
    """The site.

    Attributes:
        pagerduty: Its webhooks wait in `pagerduty.deliveries` until a story sends them.
    """

    def __init__(
        self,
        installation: Installation,
        cluster: Cluster,
        namespace: str,
        pagerduty: PagerDuty,
        slack: SlackServer,
    ) -> None:
        self.installation, self.cluster, self.namespace = installation, cluster, namespace
        self.pagerduty, self.slack = pagerduty, slack
        self.deployments = Deployments(KubernetesApi.connect(cluster.kubeconfig))
        self.old: dict[str, TemplateHash] = {}
        self.new: dict[str, TemplateHash] = {}
        self.bad: set[str] = set()
        self.times: dict[str, Times] = {}
        self.traffic = Traffic(self._speakers, self._send)

    @property
    def undone(self) -> set[str]:
        """Return the stories whose release was taken back."""
        return {story for story, times in self.times.items() if "undone" in times.more}

    # The cluster and the service.

    def prepare(self, stories: Sequence[str]) -> None:
        """Run a first version of each workload, then a second."""
        self._apply(stories, "1")
        self.old = self._templates(stories, "1")
        self._apply(stories, "2")
        self.new = self._templates(stories, "2")

    def deploy_by_hand(self, story: str, version: str) -> TemplateHash:
        """Run another version without telling anybody."""
        self._apply([story], version)
        return self._templates([story], version)[story]

    def template(self, story: str) -> TemplateHash:
        """Return which template a workload asks for."""
        return self.deployments.running(self.namespace, story)

    def turn_bad(self, *stories: str) -> None:
        """Tell of the second version, which fails from now on."""
        for story in stories:
            self.tell_deploy(story, "2", self.new[story], self.old[story])
            self.times[story] = Times(deployed=clock.now())
            self.bad.add(story)

    def tell_deploy(self, story: str, version: str, template: str, rollback: str) -> None:
        """Publish a deploy event."""
        event = deploy_event(
            service=ServiceName("cart"),
            version=version,
            environment=EnvironmentName(story),
            at=clock.now(),
            template=TemplateHash(template),
            rollback_template=TemplateHash(rollback),
        )
        value, headers = write_record(event)
        self.installation.send(
            Sent(topic=Topic.CDEVENTS, key=f"{story}/cart".encode(), value=value, headers=tuple(headers))
        )

    # What Suture said, and what people see.

    def held(self, story: str) -> Held:
        """Return a story's newest question, once there is one."""
        return self.installation.until(
            lambda: [one for one in self.installation.said(Held) if one.environment == story and one.command],
            f"{story} is held",
        )[-1]

    def changes(self, story: str) -> list[HoldChanged]:
        """Return what changed about a story's question so far."""
        return [one for one in self.installation.said(HoldChanged) if one.environment == story]

    def until_changed(self, story: str, change: HoldChange) -> HoldChanged:
        """Return a change of a story's question, once it happened."""
        return self.installation.until(
            lambda: [one for one in self.changes(story) if one.change is change], f"{story} is {change}"
        )[0]

    def commands(self, story: str) -> list[Command]:
        """Return the orders of a story so far."""
        return [one for one in self.installation.said(Command) if one.environment == story]

    def approvals(self, story: str) -> list[Approval]:
        """Return the answers that the gate heard so far."""
        return [one for one in self.installation.said(Approval) if one.environment == story]

    def outcome(self, story: str) -> Outcome:
        """Return what came of a story's order, once it is known."""
        outcomes = self.installation.until(
            lambda: [
                one.outcome
                for one in self.installation.said(OutcomeReported)
                if one.outcome.environment == story
            ],
            f"{story} has an outcome",
        )
        self.bad.discard(story)
        self.times[story].more["undone"] = outcomes[0].at
        return outcomes[0]

    def incidents(self, story: str) -> list[Incident]:
        """Return the incidents about a story."""
        pattern = re.compile(rf" in {story}\b")
        return [one for one in list(self.pagerduty.account.incidents.values()) if pattern.search(one.details)]

    def incident(self, story: str) -> Incident:
        """Return the incident of a story's question, once the question's code stands on it."""
        found = self.installation.until(
            lambda: [one for one in self.incidents(story) if one.notes], f"{story} has an incident"
        )
        assert len(found) == 1
        return found[0]

    def messages(self, story: str) -> list[Message]:
        """Return the messages that ask about a story, or did."""
        hold = {one.id for one in self.installation.said(Held) if one.environment == story}
        found = []
        for one in self.slack.messages(ROOM):
            payload = (one.metadata or {}).get("event_payload", {})
            if payload.get("id") in hold:
                found.append(one)
        return found

    def message(self, story: str) -> Message:
        """Return the message of a story's question, once it is there."""
        found = self.installation.until(lambda: self.messages(story), f"{story} has a message")
        assert len(found) == 1
        return found[0]

    def asked(self, story: str) -> tuple[Incident, Message]:
        """Return both, once people are asked on both channels."""
        incident, message = self.incident(story), self.message(story)
        held = self.held(story)

        # The vendor has a question a moment before that is written down; a killed notifier writes it later.
        recorded = self.installation.until(
            lambda: self._recorded_everywhere(held.id), f"where {story} is asked is written down"
        )
        self.times[story].more["held"] = held.at
        self.times[story].more["asked"] = datetime.fromtimestamp(max(map(min, recorded)) / 1000, UTC)
        return incident, message

    def _recorded_everywhere(self, hold: str) -> list[list[int]]:
        """Return it of each channel, once it is written of all."""
        found = [self._recorded(channel, hold) for channel in ("pagerduty", "slack")]
        return found if all(found) else []

    def _recorded(self, channel: str, hold: str) -> list[int]:
        """Return when it was written where a question stands on a channel."""
        written = self._written(channel, hold)
        return [record.timestamp_ms for record in written if b'"url":' in (record.value or b"")]

    def conversation(self, channel: str, hold: str) -> bytes:
        """Return what is written of a question on a channel; nothing when it was dropped or never there."""
        entries = [record.value or b"" for record in self._written(channel, hold, and_removed=True)]
        return entries[-1] if entries else b""

    # What people do.

    def click(self, story: str, action: str, by: str, *, socket: bool = False) -> int:
        """Click a button in Slack, and return what the click was answered."""
        self.slack.interactivity_url = "" if socket else self.callback("slack")
        return self.slack.click(self.message(story).id, action, by)[0]

    def hand_over(self, story: str, name: str, by: str) -> int:
        """Choose somebody in Slack's list."""
        self.slack.interactivity_url = self.callback("slack")
        return self.slack.choose(self.message(story).id, name, by)

    def set_field(self, story: str, user: str, value: str, *, delivers: bool = True) -> list[Delivery]:
        """Set the incident's field in PagerDuty, and send its webhook or keep it."""
        self.pagerduty.sets_field(self.incident(story).id, user, value)
        return self._webhooks(delivers)

    def write_note(self, story: str, user: str, text: str) -> list[Delivery]:
        """Write a note in PagerDuty, and keep its webhook."""
        self.pagerduty.writes_note(self.incident(story).id, user, text)
        return self._webhooks(delivers=False)

    def callback(self, vendor: str) -> str:
        """Return where a vendor's webhooks go."""
        return f"http://{self.installation.settings.listen}/v1/webhooks/{vendor}"

    def answer_over_http(self, held: Held, answer: str = "approve") -> int:
        """Answer at the gateway with a token."""
        body = json.dumps({"hold": held.id, "environment": held.environment, "answer": answer}).encode()
        request = urllib.request.Request(
            f"http://{self.installation.settings.listen}/v1/approvals",
            data=body,
            headers={
                "authorization": f"Bearer {TOKENS.partition(':')[2]}",
                "content-type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answered:
            return int(answered.status)

    def mark_answered(self, story: str, way: str) -> None:
        """Note that somebody answers now."""
        self.times[story].way, self.times[story].answered = way, clock.now()

    def is_gateway_ready(self) -> bool:
        """Return whether the gateway takes what is sent."""
        try:
            with urllib.request.urlopen(f"http://{self.installation.settings.listen}/readyz", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def table(self) -> str:
        """Return a line for each way that was answered and undone, in seconds."""
        lines = ["| Answered by | bad to held | held to asked | answered to undone |", "|---|---|---|---|"]
        for times in self.times.values():
            more = times.more
            if times.answered and times.deployed and {"held", "asked", "undone"} <= more.keys():
                spans = (
                    more["held"] - times.deployed,
                    more["asked"] - more["held"],
                    more["undone"] - times.answered,
                )
                cells = " | ".join(f"{span.total_seconds():.1f} s" for span in spans)
                lines.append(f"| {times.way} | {cells} |")
        return "\n".join(lines)

    def _written(self, channel: str, hold: str, *, and_removed: bool = False) -> list[Record]:
        key = f"hold/{channel}/{hold}".encode()
        found = [one for one in self.installation.records(Topic.CONVERSATIONS) if one.key == key]
        return [one for one in found if one.value or and_removed]

    def _webhooks(self, delivers: bool) -> list[Delivery]:
        kept, self.pagerduty.deliveries = self.pagerduty.deliveries, []
        # Our own notes and changes of the field are told as well, and are no answers.
        for one in kept if delivers else ():
            self.pagerduty.deliver(one)
        return kept

    def _speakers(self) -> list[Speaker]:
        found: list[Speaker] = []
        for story, old in list(self.old.items()):
            found.append(self._speaker(story, "1", old, 0))
            if story in self.bad:
                found.append(self._speaker(story, "2", self.new[story], 1, 0.5))
        return found

    @staticmethod
    def _speaker(story: str, version: str, template: str, number: int, error_ratio: float = 0.0) -> Speaker:
        return Speaker(
            pod=f"{story}-{template}-{number}",
            version=version,
            template=template,
            environment=story,
            error_ratio=error_ratio,
        )

    def _send(self, value: bytes) -> None:
        self.installation.send(Sent(topic=Topic.OTLP_METRICS, key=None, value=value))

    def _apply(self, stories: Sequence[str], version: str) -> None:
        items = [_workload(story, version, self.namespace) for story in stories]
        self.cluster.apply({"apiVersion": "v1", "kind": "List", "items": items})

    def _templates(self, stories: Sequence[str], version: str) -> dict[str, TemplateHash]:
        """Return by which hash the cluster calls a version of each workload, once it has one."""

        def look() -> dict[str, TemplateHash]:
            listing = self.cluster.kubectl(
                "get", "replicasets", f"--namespace={self.namespace}", "--output=json"
            )
            found = {
                one["metadata"]["labels"]["app"]: TemplateHash(one["metadata"]["labels"]["pod-template-hash"])
                for one in json.loads(listing)["items"]
                if one["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] == version
            }
            return found if set(stories) <= found.keys() else {}

        return self.installation.until(look, f"the cluster knows version {version}")


@contextmanager
def asking_site(
    cluster: Cluster, bootstrap: str, folder: Path, contracts: Path, environments: dict[str, str]
) -> Iterator[Site]:
    """Yield a site on which every story's past minute is told.

    Args:
        cluster: Where the workloads run.
        bootstrap: Kafka's address.
        folder: For the parts' files.
        contracts: The vendors' documents, against which every request is held.
        environments: Stories, and what their policy says other than the default, as YAML.
    """
    namespace = "asking"
    cluster.kubectl("create", "namespace", namespace)
    with ExitStack() as stack:
        stack.callback(cluster.kubectl, "delete", "namespace", namespace, "--wait=false")
        pagerduty = stack.enter_context(pagerduty_server.running(contracts))
        slack = stack.enter_context(slack_server.running())
        listen = f"127.0.0.1:{free_ports(1)[0]}"
        pagerduty.account.people["PEVE"] = "eve@example.com"
        pagerduty.account.fields[pagerduty_field()] = ("pending", "approve", "reject", *_ENDS)
        pagerduty.holds_deliveries = True
        pagerduty.subscribe(f"http://{listen}/v1/webhooks/pagerduty", SECRET)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in {
            **pagerduty.environment,
            "SUTURE_PAGERDUTY_WEBHOOK_SECRETS": SECRET,
            "SUTURE_SLACK_TOKEN": slack.token,
            "SUTURE_SLACK_APP_TOKEN": slack.app_token,
            "SUTURE_SLACK_SIGNING_SECRET": slack.signing_secret,
            "SUTURE_SLACK_CHANNELS": f"*={ROOM}",
            "SUTURE_SLACK_URL": slack.url,
            "SUTURE_APPROVAL_POLL_SECONDS": "2",
            "KUBECONFIG": str(cluster.kubeconfig),
        }.items():
            patch.setenv(name, value)
        policy = DEFAULTS.replace("NAMESPACE", namespace) + "".join(
            f"  {name}: {{gate: {{{more}}}}}\n" for name, more in environments.items()
        )
        parts = {**PARTS, "gateway": ["gateway"], "notifier": ["notifier"]}
        installation = Installation(
            bootstrap, folder, "asking.", parts, policy, listen=listen, processes=None
        )
        site = Site(installation, cluster, namespace, pagerduty, slack)
        stack.enter_context(installation)
        site.prepare(list(environments))
        installation.ready()
        installation.until(site.is_gateway_ready, "gateway is ready")
        stack.enter_context(site.traffic)
        installation.until(lambda: site.traffic.sent >= 60 * len(environments), "the past minute is told")
        yield site


_ENDS = ("granted", "rejected", "expired", "withdrawn")


def pagerduty_field() -> str:
    """Return the name of the incidents' field."""
    from schemas.pagerduty_callbacks import DECISION_FIELD

    return DECISION_FIELD


def _workload(story: str, version: str, namespace: str) -> dict[str, object]:
    labels = {"app": story}
    container = {
        "name": "cart",
        "image": shop_images.PAUSE,
        "imagePullPolicy": "Never",
        "env": [{"name": "VERSION", "value": version}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": story, "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
            },
        },
    }
