"""The demonstration as a live picture in the terminal."""

import time

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from schemas.judgements import Evidence, VerdictKind
from streams.demo.heard import Story
from streams.demo.scene import OnTrial, Phase, Scene

_BAR = 28
_EVENTS_MIN = 4
_COLOURS = {
    VerdictKind.HEALTHY: "bold green",
    VerdictKind.HARMFUL: "bold red",
    VerdictKind.NODATA: "bold yellow",
    VerdictKind.BROKEN: "bold yellow",
    VerdictKind.INCONCLUSIVE: "bold",
}


class LiveShow:
    """Keeps a picture of the scene up to date; its last state stays on the terminal.

    Args:
        scene: What to show.
        console: The terminal.
    """

    def __init__(self, scene: Scene, console: Console) -> None:
        self._scene, self._console = scene, console
        self._live = Live(get_renderable=self._picture, console=console, refresh_per_second=5)

    def __enter__(self) -> "LiveShow":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def refresh(self) -> None:
        """Nothing: a thread draws the picture anew several times a second."""

    def _picture(self) -> RenderableType:
        return picture(self._scene, self._console.size.height)


def picture(scene: Scene, height: int) -> RenderableType:
    """Return the scene as it stands, in at most `height` lines where its content allows."""
    parts: list[RenderableType] = [_head(scene), _phases(scene.phases), Rule(style="dim"), _traffic(scene)]
    used = 4 + len(scene.phases) + len(scene.tally.rates())
    if scene.on_trial is not None:
        story = scene.on_trial.story
        parts += [Rule(style="dim"), _trial(scene.on_trial, story), _evidence(story)]
        used += 4 + len(story.evidence)
    room = max(height - used - 3, _EVENTS_MIN)
    parts += [Rule(style="dim"), _events(scene, room)]
    return Group(*parts)


def _head(scene: Scene) -> Text:
    minutes, seconds = divmod(int(time.monotonic() - scene.began), 60)
    return Text.assemble(("Suture", "bold"), f"  demonstration, {minutes}:{seconds:02d}")


def _phases(phases: list[Phase]) -> Table:
    table = Table.grid(padding=(0, 1))
    for phase in phases:
        is_over, is_now = phase.ended is not None, phase.began is not None and phase.ended is None
        mark = "✓" if is_over else "▸" if is_now else " "
        style = "green" if is_over else "bold" if is_now else "dim"
        bar = ProgressBar(total=1.0, completed=phase.share, width=_BAR)
        took = phase.ended - phase.began if is_over and phase.ended and phase.began else None
        table.add_row(
            Text(mark, style=style), Text(phase.title, style=style), bar, f"{took:.0f} s" if took else ""
        )
    return table


def _traffic(scene: Scene) -> Table:
    table = Table.grid(padding=(0, 2))
    running = scene.running()
    table.add_row(
        *(Text(head, style="dim") for head in ("version", "instances", "requests/s", "failed/s", "mean ms"))
    )
    for version, rate in scene.tally.rates().items():
        failed = Text(f"{rate.failed_per_second:.1f}", style="bold red" if rate.failed_per_second else "")
        latency = "" if rate.latency_s is None else f"{1000 * rate.latency_s:.1f}"
        table.add_row(version, "●" * running.get(version, 0), f"{rate.per_second:.0f}", failed, latency)
    return table


def _trial(trial: OnTrial, story: Story) -> Text:
    """Return the release on trial with the newest of verdict, decision, action and recovery."""
    verdict = story.verdict.kind if story.verdict else None
    text = Text.assemble("on trial ", (trial.version, "bold"), f" ({trial.about}): ")
    text.append(
        verdict.upper() if verdict else "watching", style=_COLOURS.get(verdict, "") if verdict else ""
    )
    if story.decision is not None:
        text.append(f" → decided {story.decision.playbook}")
    if story.outcome is not None:
        text.append(f" → {story.outcome.command_kind} {str(story.outcome.kind).replace('_', ' ')}")
    elif story.command is not None:
        text.append(f" → {story.command.kind} ordered")
    if story.recovery is not None:
        text.append(f" → {str(story.recovery.kind).replace('_', ' ')}")
    return text


def _evidence(story: Story) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_row("", Text("evidence against it: log e-value, and the one that convicts", style="dim"), "")
    for name, evidence in story.evidence.items():
        numbers = evidence.text.partition(";")[0].removeprefix(f"{evidence.signal} ")
        table.add_row(
            f"  {name}", _bar(evidence), Text(numbers, style="dim", overflow="ellipsis", no_wrap=True)
        )
    return table


def _bar(evidence: Evidence) -> Text:
    """Return how far the evidence is on its way to a conviction, as a bar with its numbers."""
    share = min(max(evidence.log_e / evidence.threshold_log_e, 0.0), 1.0)
    filled = round(share * _BAR)
    style = "red" if evidence.convicts else "yellow" if share > 0.5 else "cyan"
    return Text.assemble(
        ("█" * filled, style),
        ("·" * (_BAR - filled), "dim"),
        f" {evidence.log_e:6.1f} of {evidence.threshold_log_e:.1f}",
    )


def _events(scene: Scene, room: int) -> Table:
    table = Table.grid(padding=(0, 1))
    for event in scene.events[-room:]:
        table.add_row(
            Text(f"{event.at:%H:%M:%S}", style="dim"), Text(event.text, overflow="ellipsis", no_wrap=True)
        )
    return table
