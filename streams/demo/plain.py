"""The demonstration as plain lines: for logs, pipes and people who like lines."""

import time
from typing import TextIO

from streams import clock
from streams.demo.heard import Story
from streams.demo.scene import Phase, Scene
from streams.demo.traffic import Rate, Tally

_STATUS_SECONDS = 5.0


class PlainShow:
    """Writes what happens, one line each, and every few seconds how things stand.

    Args:
        scene: What to show.
        out: Where lines go to.
    """

    def __init__(self, scene: Scene, out: TextIO) -> None:
        self._scene, self._out = scene, out
        self._told = 0
        self._phase: Phase | None = None
        self._status_due = 0.0

    def __enter__(self) -> "PlainShow":
        return self

    def __exit__(self, *_: object) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Write what is new."""
        phase = self._scene.phase
        if phase is not None and phase is not self._phase:
            self._phase = phase
            number = self._scene.phases.index(phase) + 1
            at = phase.began_at or clock.now()
            self._out.write(f"{at:%H:%M:%S} -- {number}/{len(self._scene.phases)} {phase.title}\n")
            self._status_due = time.monotonic() + _STATUS_SECONDS
        for event in self._scene.events[self._told :]:
            self._out.write(f"{event.at:%H:%M:%S} {event.text}\n")
        self._told = len(self._scene.events)
        if time.monotonic() >= self._status_due:
            self._status_due = time.monotonic() + _STATUS_SECONDS
            self._status()
        self._out.flush()

    def _status(self) -> None:
        traffic = traffic_line(self._scene.tally)
        if traffic:
            self._write(f"   {traffic}")
        trial = self._scene.on_trial
        if trial is not None and trial.story.outcome is None:
            evidence = evidence_line(trial.story)
            if evidence:
                self._write(f"   evidence against {trial.version}: {evidence}")

    def _write(self, text: str) -> None:
        self._out.write(f"{clock.now():%H:%M:%S} {text}\n")


def traffic_line(tally: Tally) -> str:
    """Return the rates of all versions as one line."""
    return " | ".join(f"{version}: {rate_text(rate)}" for version, rate in tally.rates().items())


def rate_text(rate: Rate) -> str:
    """Return a rate in words.

    >>> rate_text(Rate(per_second=20.0, failed_per_second=6.0, latency_s=0.0072))
    '20 requests/s, 6.0 failed/s, 7.2 ms'
    """
    latency = "" if rate.latency_s is None else f", {1000 * rate.latency_s:.1f} ms"
    return f"{rate.per_second:.0f} requests/s, {rate.failed_per_second:.1f} failed/s{latency}"


def evidence_line(story: Story) -> str:
    """Return each signal's evidence against what convicts, as one line."""
    return ", ".join(
        f"{name} {evidence.log_e:.1f} of {evidence.threshold_log_e:.1f}"
        for name, evidence in story.evidence.items()
    )
