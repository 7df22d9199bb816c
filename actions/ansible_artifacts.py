"""What ansible-runner left in a run's artifacts: how a playbook ended, on which hosts, and its last words.

The layout is that of ansible-runner 2.4: `rc` and `status` appear when the run is over, `job_events` holds
one JSON file an event, numbered in order. Of an event only names, results' messages and counts are read,
never the arguments of its task: what `no_log` hides is hidden by Ansible's own callback already.
"""

import json
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actions.child_programs import LAST_LINES, last_lines
from actions.run_folders import Ended

_LARGEST_EVENT = 256 * 1024
_MOST_EVENTS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookEnd:
    """How a playbook ended.

    Attributes:
        status: ansible-runner's word: successful, failed, timeout or canceled.
        exit_code: That of `ansible-playbook`.
        counts: By word (ok, changed, failures, dark ...) and host; empty when no play ended.
        changed: Names of the tasks that changed something, or would.
        log_tail: Last lines, oldest first, redacted.
    """

    status: str
    exit_code: int
    counts: dict[str, dict[str, int]]
    changed: tuple[str, ...]
    log_tail: tuple[str, ...]

    def hosts(self, word: str) -> list[str]:
        """Return the hosts that a word counts something of."""
        return sorted(host for host, count in self.counts.get(word, {}).items() if count)

    def told(self, what: str) -> Ended:
        """Return the end for the executor: reached by exit code 0 with every host reached."""
        unreached, failed = self.hosts("dark"), self.hosts("failures")
        reached = self.hosts("ok")
        if self.status == "successful" and self.exit_code == 0 and reached and not unreached and not failed:
            count = len(self.changed)
            detail = f"{what} changed {count} {'task' if count == 1 else 'tasks'} on {some(reached)}"
            return Ended(is_good=True, detail=detail, log_tail=self.log_tail)
        words = [f"{what} ended as {self.status} with exit code {self.exit_code}"]
        if unreached:
            words.append(f"unreachable: {some(unreached)}")
        if failed:
            words.append(f"failed on {some(failed)}")
        if not self.counts or not (reached or unreached or failed):
            words.append("no task ran on any host")
        return Ended(is_good=False, detail="; ".join(words), log_tail=self.log_tail)


def read_artifacts(folder: Path, secrets: Sequence[str]) -> PlaybookEnd | None:
    """Return how a playbook ended; None while it did not, as far as its files say.

    Args:
        folder: The run's artifacts.
        secrets: Values that must not be shown whatever the playbook says.
    """
    try:
        exit_code = int((folder / "rc").read_text(encoding="utf-8"))
        status = (folder / "status").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    counts: dict[str, dict[str, int]] = {}
    changed: list[str] = []
    said: deque[str] = deque(maxlen=10 * LAST_LINES)
    for event in _events(folder / "job_events"):
        data = event.get("event_data") or {}
        if event.get("event") == "playbook_on_stats":
            counts = {word: hosts for word, hosts in data.items() if isinstance(hosts, dict)}
        result = data.get("res")
        if event.get("event") == "runner_on_ok" and isinstance(result, dict) and result.get("changed"):
            changed.append(str(data.get("task") or data.get("task_action")))
        said.extend(str(event.get("stdout") or "").splitlines())
    tail = last_lines("\n".join(said), secrets)
    return PlaybookEnd(
        status=status, exit_code=exit_code, counts=counts, changed=tuple(changed), log_tail=tail
    )


def _events(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the events in order; what is torn or too large is left out."""
    numbered = []
    for path in folder.glob("*.json"):
        number, _, _ = path.name.partition("-")
        if number.isdecimal() and path.stat().st_size <= _LARGEST_EVENT:
            numbered.append((int(number), path))
    for _, path in sorted(numbered)[-_MOST_EVENTS:]:
        try:
            event = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(event, dict):
            yield event


def some(names: Sequence[str]) -> str:
    """Return names for a sentence, the first few of many.

    >>> some(["a", "b", "c", "d", "e", "f", "g"])
    'a, b, c, d, e and 2 more'
    """
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
