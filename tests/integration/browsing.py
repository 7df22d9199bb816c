"""A headless Chromium that is driven as WebDriver says, without a library between.

Source: www.w3.org/TR/webdriver2.
"""

from __future__ import annotations

import base64
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from infra.dev import browser
from infra.dev.ports import free_ports

_LOOKS = 600
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    """One window of a browser.

    Args:
        session: Address of the driver's session.
    """

    def __init__(self, session: str) -> None:
        self._http = httpx.Client(base_url=session, timeout=60)

    def open(self, url: str) -> None:
        """Load a page, and return when it is there."""
        self._do("POST", "/url", {"url": url})

    @property
    def address(self) -> str:
        """Return the address of the page that is shown."""
        return str(self._do("GET", "/url"))

    @property
    def text(self) -> str:
        """Return what a reader sees."""
        return str(self._do("GET", f"/element/{self._find('body')}/text"))

    def count(self, selector: str) -> int:
        """Return how many elements of the page a CSS selector fits."""
        return len(self._do("POST", "/elements", {"using": "css selector", "value": selector}))

    def click(self, selector: str) -> None:
        """Click on the first element that a CSS selector fits, as a mouse would."""
        self._do("POST", f"/element/{self._find(selector)}/click", {})

    def follow(self, selector: str) -> None:
        """Click on what leads to another page, and return when that one is there."""
        self.run("window.isLeft = true")
        self.click(selector)
        never = threading.Event()
        for _ in range(_LOOKS):
            if self.run("return window.isLeft === undefined && document.readyState === 'complete'"):
                return
            never.wait(0.05)
        raise AssertionError(f"a click on {selector} led nowhere; the page says: {self.text}")

    def write(self, selector: str, text: str) -> None:
        """Type into an element."""
        self._do("POST", f"/element/{self._find(selector)}/value", {"text": text})

    def run(self, script: str) -> Any:
        """Return what a script says of the page; the page's own policy does not hold for it."""
        return self._do("POST", "/execute/sync", {"script": script, "args": []})

    def cookies(self) -> list[dict[str, Any]]:
        """Return the cookies that the page's address is sent."""
        return list(self._do("GET", "/cookie"))

    def resize(self, width: int, height: int) -> None:
        """Make the window that large, in pixels."""
        self._do("POST", "/window/rect", {"width": width, "height": height})

    def picture(self) -> bytes:
        """Return the whole page as PNG."""
        return base64.b64decode(self._do("GET", "/screenshot"))

    def _find(self, selector: str) -> str:
        found = self._do("POST", "/element", {"using": "css selector", "value": selector})
        return str(found[_ELEMENT])

    def _do(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._http.request(method, path, json=body)
        value = answer.json()["value"]
        assert answer.is_success, value
        return value


@contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    """Open a browser with an empty profile of its own until the block ends.

    Args:
        folder: Where it may write.
    """
    binary, (port,) = browser.fetch(), free_ports(1)
    driver = subprocess.Popen(
        [browser.driver(), f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    options = {
        "goog:chromeOptions": {
            "binary": str(binary),
            "args": [*browser.ARGUMENTS, f"--user-data-dir={folder / 'profile'}", "--hide-scrollbars"],
        }
    }
    address = f"http://127.0.0.1:{port}/session"
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=8), timeout=60) as client:
            answer = client.post(address, json={"capabilities": {"alwaysMatch": options}})
        started = answer.json()["value"]
        assert answer.is_success, started
        session = f"{address}/{started['sessionId']}"
        try:
            yield Browser(session)
        finally:
            httpx.delete(session, timeout=60)
    finally:
        driver.terminate()
        driver.wait(timeout=30)
