"""The demonstration's world on this machine: instances of the shop as processes, and their supervisor."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from actions.process_files import ProcessTemplate, Workload
from schemas.errors import SutureError
from schemas.keys import TemplateHash
from streams.demo.announcing import Announcer
from streams.demo.fault import Fault
from streams.demo.shop import SERVICE
from streams.demo.stage import Announced
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
        announce: Tells Suture of a release.
    """

    def __init__(self, folder: Path, otlp: str, announce: Announcer) -> None:
        self.folder = folder
        self._otlp = otlp
        self._announce = announce
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

    def check(self) -> None:
        """Do nothing while the supervisor runs.

        Raises:
            SutureError: it ended.
        """
        if self._supervisor is not None and self._supervisor.poll() is not None:
            code = self._supervisor.returncode
            raise SutureError(f"the supervisor ended with code {code}, see {self.folder / 'supervisor.log'}")

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

    def release(self, version: str, fault: Fault) -> Announced:
        """Tell Suture of a version, and give one instance to it."""
        template = self.template(version, fault)
        announced = self._announce(SERVICE, version, ENVIRONMENT, template)
        self._workload.deploy_canary(template, 1, by="demo")
        return announced

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

    def deploy(self, version: str, patience: Patience) -> None:
        """Run a version everywhere, and return when all instances are ready.

        Raises:
            TooLateError: it takes too long.
        """
        self._workload.deploy(self.template(version, Fault.NONE), INSTANCES, by="demo")
        what = f"{INSTANCES} instances of the shop that are ready (logs: {self._workload.folder / 'logs'})"
        patience.until(lambda: self.is_all_on(version), what)

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

    def is_all_on(self, version: str) -> bool:
        """Return whether every instance is ready and of this version, and no other is left."""
        observed = self._workload.observed()
        instances = observed.instances if observed else ()
        return len(instances) == INSTANCES and self.running() == {version: INSTANCES}
