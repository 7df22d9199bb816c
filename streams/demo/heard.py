"""What Suture says while the demonstration runs: its effects, read from Kafka in a thread."""

import threading
from dataclasses import dataclass, field

from schemas.effect_messages import read_effect
from schemas.effects import Said
from schemas.errors import SchemaError
from schemas.judgements import Evidence, Recovery, Verdict
from schemas.keys import ReleaseId
from schemas.observations import OutcomeReported, ReleaseClosed, ReleaseOpened, VerdictReached
from schemas.orders import Command, CommandKind, Decision, Denied, Held, Outcome, OutcomeKind
from schemas.topics import Topic, topic_name
from streams.kafka_log import TopicTail
from streams.settings import Settings

_LOOK_SECONDS = 0.3


@dataclass(slots=True, kw_only=True)
class Story:
    """What was said of one release.

    Attributes:
        evidence: Newest evidence by signal, or by signal and detector for silence.
        strongest: Evidence of each that was weightiest so far.
        verdict: The newest.
        held: What waits for a human, or was denied.
    """

    opened: bool = False
    evidence: dict[str, Evidence] = field(default_factory=dict)
    strongest: dict[str, float] = field(default_factory=dict)
    verdict: Verdict | None = None
    decision: Decision | None = None
    held: Held | Denied | None = None
    command: Command | None = None
    outcome: Outcome | None = None
    recovery: Recovery | None = None
    closed_why: str = ""

    def hear(self, said: Said) -> None:
        """Take in one thing that was said of this release."""
        match said:
            case ReleaseOpened():
                self.opened = True
            case Evidence():
                self._weigh(said)
            case VerdictReached(verdict=verdict):
                self.verdict = verdict
            case Decision():
                self.decision = said
            case Held() | Denied():
                self.held = said
            case Command():
                self.command = said
            case OutcomeReported(outcome=outcome):
                self.outcome = outcome
            case Recovery():
                self.recovery = said
            case ReleaseClosed():
                self.closed_why = said.why
            case _:
                return

    def has_done(self, kind: CommandKind) -> bool:
        """Return whether an order of that kind was carried out."""
        return (
            self.outcome is not None
            and self.outcome.command_kind is kind
            and self.outcome.kind in (OutcomeKind.DONE, OutcomeKind.ALREADY_DONE)
        )

    def _weigh(self, evidence: Evidence) -> None:
        name = evidence.signal if evidence.signal != "presence" else evidence.detector
        self.evidence[name] = evidence
        self.strongest[name] = max(evidence.log_e, self.strongest.get(name, evidence.log_e))


class Ear:
    """Reads effects in a thread until it is closed.

    Args:
        settings: Where the topic is.
    """

    def __init__(self, settings: Settings) -> None:
        self._tail = TopicTail(settings.bootstrap, topic_name(Topic.EFFECTS, settings.prefix))
        self._stories: dict[ReleaseId, Story] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._listen, name="ear", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(10.0)
        self._tail.close()

    def check(self) -> None:
        """Raise what ended the listening; do nothing while it goes on."""
        if self._error is not None:
            raise self._error

    def story(self, release: ReleaseId) -> Story:
        """Return what was said of a release so far; it goes on changing."""
        with self._lock:
            return self._stories.setdefault(release, Story())

    def _listen(self) -> None:
        try:
            while not self._stop.wait(_LOOK_SECONDS):
                for record in self._tail.new_records():
                    self._take(record.value)
        except Exception as error:  # noqa: BLE001  # raised by `check`, in the main thread
            self._error = error

    def _take(self, value: bytes | None) -> None:
        try:
            said = read_effect(value).said
        except SchemaError:
            return
        release = _release_of(said)
        if release is not None:
            self.story(release).hear(said)


def _release_of(said: Said) -> ReleaseId | None:
    match said:
        case ReleaseOpened():
            return said.release.id
        case VerdictReached():
            return said.verdict.release
        case OutcomeReported():
            return said.outcome.release
        case Evidence() | Decision() | Held() | Denied() | Command() | Recovery() | ReleaseClosed():
            return said.release
        case _:
            return None
