"""What is known of the instruments themselves: whether they see anything, told beside what they see."""

from dataclasses import dataclass

from pydantic import AwareDatetime

from schemas.keys import EnvironmentName, ServiceName

LONGEST_INSTRUMENT = 100
"""Characters of an instrument's name, by which engines remember it."""

LONGEST_REASON = 500
"""Characters of why it is broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentChanged:
    """An instrument that tells of a service broke, or works again: told to that service.

    Whoever says that one is broken says it again, at least every minute, for as long as that lasts.

    Attributes:
        instrument: What it is called, such as `prometheus main`; never empty, and short.
        reason: What is wrong with it, as a sentence without a secret; "" when it works.
        at: Up to when it saw everything, where it is broken; from when on it sees everything again, where it
            works. Equal instants say that nothing was missed.
    """

    environment: EnvironmentName
    service: ServiceName
    instrument: str
    is_working: bool
    reason: str
    at: AwareDatetime

    def __post_init__(self) -> None:
        if not 0 < len(self.instrument) <= LONGEST_INSTRUMENT:
            seen = len(self.instrument)
            raise ValueError(
                f"an instrument's name has {seen} characters, expected 1 to {LONGEST_INSTRUMENT}"
            )
        if len(self.reason) > LONGEST_REASON:
            raise ValueError(f"a reason has {len(self.reason)} characters, expected at most {LONGEST_REASON}")
        if not self.is_working and not self.reason:
            raise ValueError(f"{self.instrument} is called broken without a reason, expected one")
