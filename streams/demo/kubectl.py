"""A cluster's API for the demonstration: `kubectl` to write, and its proxy to read often and cheaply."""

import json
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

from schemas.errors import SutureError

_SERVING = "Starting to serve on "


class Kubectl:
    """Speaks to one cluster as its administrator.

    Args:
        kubeconfig: Which cluster, and as whom.
        log: Where the proxy's complaints go.
    """

    def __init__(self, kubeconfig: Path, log: Path) -> None:
        self._command = ["kubectl", f"--kubeconfig={kubeconfig}"]
        self._log = log
        self._proxy: subprocess.Popen[str] | None = None
        self._address = ""

    def start(self) -> None:
        """Start the proxy on a free port of this machine.

        Raises:
            SutureError: it did not come up.
        """
        with self._log.open("ab") as log:
            self._proxy = subprocess.Popen(
                [*self._command, "proxy", "--port=0"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        line = self._proxy.stdout.readline() if self._proxy.stdout else ""
        if not line.startswith(_SERVING):
            raise SutureError(f"kubectl proxy did not start, see {self._log}")
        self._address = line.removeprefix(_SERVING).strip()

    def stop(self) -> None:
        """Stop the proxy."""
        if self._proxy is not None:
            self._proxy.terminate()
            self._proxy.wait(10)
            if self._proxy.stdout:
                self._proxy.stdout.close()

    def get(self, path: str) -> Any:
        """Return what the API holds at a path.

        Raises:
            SutureError: it does not answer.
        """
        try:
            with urllib.request.urlopen(f"http://{self._address}{path}", timeout=5.0) as answer:
                return json.load(answer)
        except OSError as error:
            raise SutureError(f"the cluster does not answer: {error}") from error

    def apply(self, manifest: dict[str, Any]) -> None:
        """Create or change an object.

        Raises:
            SutureError: the cluster refused it.
        """
        done = subprocess.run(
            [*self._command, "apply", "--filename=-"],
            input=json.dumps(manifest),
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )
        if done.returncode != 0:
            raise SutureError(f"kubectl apply failed: {done.stderr.strip()}")
