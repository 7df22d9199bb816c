"""A small shop on local processes: a real workload, its supervisor, its traffic and a release that harms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from actions.process_files import Workload
from schemas.envelopes import Message
from schemas.keys import TemplateHash
from schemas.topics import Topic
from tests.actions.local_processes import SupervisorProgram, serving
from tests.integration.installation import Installation
from tests.integration.telemetry import Speaker, Traffic

REPLICAS = 3


class Shop:
    """One service on local processes whose instances speak as `desired.json` says.

    Attributes:
        bad_ratio: Share of the second version's requests that end in errors.
    """

    def __init__(
        self,
        installation: Installation,
        environment: str,
        bad_ratio: float,
        send: Callable[[bytes], None] | None = None,
    ) -> None:
        root = installation.settings.processes
        assert root is not None
        self.installation = installation
        self.environment, self.bad_ratio = environment, bad_ratio
        self.workload = Workload(root, "shop", "cart")
        self.old = self.workload.register_template(serving("1"))
        self.new = self.workload.register_template(serving("2"))
        self.workload.deploy(self.old, REPLICAS)
        self.traffic = Traffic(self.speakers, send or self._send)

    def speakers(self) -> list[Speaker]:
        """Return who speaks: every instance that is wanted."""
        desired = self.workload.desired()
        assert desired is not None
        found = [self._speaker("1", self.old, index) for index in range(desired.counts().get(self.old, 0))]
        if desired.canary == self.new:
            found.append(self._speaker("2", self.new, REPLICAS, self.bad_ratio))
        return found

    def deploy(self) -> str:
        """Give one instance to the second version, tell Suture of it, and return the release's id."""
        self.workload.deploy_canary(self.new, 1)
        told = self.installation.cli(
            "ci",
            "deploy",
            "--service=cart",
            "--version=2",
            f"--environment={self.environment}",
            f"--template={self.new}",
            f"--rollback-template={self.old}",
        )
        return told.stdout.strip()

    @property
    def generation(self) -> int:
        """Return how often what should run was changed."""
        desired = self.workload.desired()
        return desired.generation if desired else 0

    def _speaker(self, version: str, template: TemplateHash, index: int, bad_ratio: float = 0.0) -> Speaker:
        return Speaker(
            pod=f"cart-{template}-{index}",
            version=version,
            template=template,
            environment=self.environment,
            error_ratio=bad_ratio,
        )

    def _send(self, value: bytes) -> None:
        self.installation.send(Message(topic=Topic.OTLP_METRICS, key=None, value=value))


@contextmanager
def open_shop(
    installation: Installation,
    environment: str = "dev",
    bad_ratio: float = 0.3,
    send: Callable[[bytes], None] | None = None,
) -> Iterator[Shop]:
    """Yield a shop whose past minute is told and whose supervisor runs, once the parts are ready."""
    root: Path | None = installation.settings.processes
    assert root is not None
    root.mkdir(exist_ok=True)
    shop = Shop(installation, environment, bad_ratio, send)
    supervisor = SupervisorProgram(root)
    supervisor.start()
    try:
        installation.ready()
        with shop.traffic:
            installation.until(lambda: shop.traffic.sent >= 60 * REPLICAS, "the past minute is told")
            yield shop
    finally:
        supervisor.stop()
