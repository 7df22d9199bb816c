"""What is known of the instruments themselves: whether they see anything, told beside what they see."""

from dataclasses import dataclass

from pydantic import AwareDatetime

from schemas.keys import EnvironmentName, ServiceName


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentChanged:
    """An instrument that tells of a service broke, or works again: told to that service.

    Whoever says that one is broken says it again, at least every minute, for as long as that lasts.

    Attributes:
        instrument: What it is called, such as `prometheus main`; never empty.
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
        if not self.instrument:
            raise ValueError("an instrument has no name, expected what it is called")
        if not self.is_working and not self.reason:
            raise ValueError(f"{self.instrument} is called broken without a reason, expected one")
