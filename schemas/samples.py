"""Sample batches: many samples of one service as columns, because a message costs and a sample does not."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from schemas.keys import NO_TEMPLATE, EnvironmentName, ServiceName, TemplateHash
from schemas.signals import Field


class Temporality(StrEnum):
    """What a series' value says about time.

    GAUGE: the level at that instant. DELTA: what was added since the sample before. CUMULATIVE:
    what was added since the process started; a fall is a restart.
    """

    GAUGE = "gauge"
    DELTA = "delta"
    CUMULATIVE = "cumulative"


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Where a run of samples comes from.

    Attributes:
        metric: Name as the sender wrote it.
        field: Which number of the point.
        temporality: What the value says about time.
        pod: Pod, process or instance; "" when the sender named none.
        version: `service.version`, or "".
        template: Pod-template hash, or "": the exact join to a release.
        attributes: The point's own attributes, sorted by name.
        upper_bound: For BUCKET: the bucket's inclusive upper edge in the metric's unit; may be
            infinite. None otherwise.
    """

    __pydantic_config__ = ConfigDict(ser_json_inf_nan="strings")

    metric: str
    field: Field = Field.VALUE
    temporality: Temporality = Temporality.GAUGE
    pod: str = ""
    version: str = ""
    template: TemplateHash = NO_TEMPLATE
    attributes: tuple[tuple[str, str], ...] = ()
    upper_bound: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SampleBatch:
    """Samples of one service in one environment.

    Attributes:
        series: The dictionary that `series_ids` points into.
        series_ids: int32, (samples,).
        times_ms: int64, (samples,), milliseconds since the epoch, any order.
        values: float64, (samples,), finite.

    Raises:
        ValueError: the columns differ in length, an id points outside `series`, or a value is not finite.
    """

    environment: EnvironmentName
    service: ServiceName
    series: tuple[Series, ...]
    series_ids: NDArray[np.int32]
    times_ms: NDArray[np.int64]
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        count = len(self.values)
        if len(self.series_ids) != count or len(self.times_ms) != count:
            raise ValueError(
                f"columns have {len(self.series_ids)} ids, {len(self.times_ms)} times and {count} values, "
                "expected one length"
            )
        if count and not (int(self.series_ids.min()) >= 0 and int(self.series_ids.max()) < len(self.series)):
            raise ValueError(f"a series id lies outside the dictionary of {len(self.series)} series")
        if not bool(np.isfinite(self.values).all()):
            raise ValueError("a value is not finite, expected the reader to have refused it")

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.values)
