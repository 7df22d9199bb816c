"""The demonstration's world on this machine: instances of the shop as processes, and their supervisor."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from actions.process_files import ProcessTemplate, Workload
from schemas.errors import SutureError
from schemas.keys import TemplateHash
from streams.demo.fault import Fault
from streams.demo.shop import SERVICE
from streams.demo.traffic import Place
from streams.demo.waiting import Patience

NAMESPACE = "demo"
ENVIRONMENT = "dev"
INSTANCES = 4
EXPORT_MS = 1000


class LocalWorld:
    """A workload of four instances that a supervisor keeps running.

    Args:
        folder: Where workloads, templates and logs of the instances lie.
        otlp: URL that the instances send their telemetry to.
    """

    def __init__(self, folder: Path, otlp: str) -> None:
        self.folder = folder
        self._otlp = otlp
        self._workload = Workload(folder, NAMESPACE, SERVICE)
        self._versions: dict[TemplateHash, str] = {}
        self._supervisor: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the supervisor."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "supervisor.log").open("ab") as log:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-m", "actions.supervisor", str(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A Ctrl-C at the terminal is for the demonstration, which then ends this in order.
                start_new_session=True,
            )

    def stop(self) -> None:
        """End the supervisor, and with it every instance."""
        if self._supervisor is None:
            return
        self._supervisor.terminate()
        try:
            self._supervisor.wait(15)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            self._supervisor.wait()

    def template(self, version: str, fault: Fault) -> TemplateHash:
        """Register what runs a version and return its hash."""
        state = self.folder / "state" / version
        state.mkdir(parents=True, exist_ok=True)
        name = self._workload.register_template(
            ProcessTemplate(
                argv=(sys.executable, "-m", "streams.demo.shop"),
                cwd=str(state),
                env={
                    "SHOP_VERSION": version,
                    "SHOP_FAULT": fault.value,
                    "OTEL_SERVICE_NAME": SERVICE,
                    "OTEL_RESOURCE_ATTRIBUTES": f"deployment.environment.name={ENVIRONMENT}",
                    "OTEL_EXPORTER_OTLP_ENDPOINT": self._otlp,
                    "OTEL_METRIC_EXPORT_INTERVAL": str(EXPORT_MS),
                    "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
                },
            )
        )
        self._versions[name] = version
        return name

    def deploy(self, template: TemplateHash) -> None:
        """Run a template everywhere."""
        self._workload.deploy(template, INSTANCES, by="demo")

    def deploy_canary(self, template: TemplateHash) -> None:
        """Give one instance to a template."""
        self._workload.deploy_canary(template, 1, by="demo")

    def places(self) -> Sequence[Place]:
        """Return the instances that are ready."""
        observed = self._workload.observed()
        return [
            Place(f"127.0.0.1:{one.port}", self._versions.get(one.template, ""))
            for one in (observed.instances if observed else ())
            if one.ready
        ]

    def running(self) -> dict[str, int]:
        """Return how many instances of each version are ready."""
        counts: dict[str, int] = {}
        for place in self.places():
            counts[place.version] = counts.get(place.version, 0) + 1
        return counts

    def wait_for_all(self, patience: Patience) -> None:
        """Wait until every instance is ready.

        Raises:
            SutureError: the supervisor ended, or it takes too long.
        """

        def is_served() -> bool:
            if self._supervisor is not None and self._supervisor.poll() is not None:
                raise SutureError(
                    f"the supervisor ended with code {self._supervisor.returncode}, see {self.folder}"
                )
            return sum(self.running().values()) == INSTANCES

        patience.until(is_served, f"{INSTANCES} instances of the shop that are ready")
