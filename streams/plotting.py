"""Which chart was asked for, and the form that its file's name asks for."""

from datetime import datetime
from pathlib import Path

from feature_store.chart_html import as_html
from feature_store.chart_png import as_png
from feature_store.charts import Chart
from feature_store.dora import measure
from feature_store.flow_charts import calibration_chart, dora_chart
from feature_store.release_chart import release_chart
from feature_store.views import Connection
from schemas.errors import SettingsError

_WEEKS = 12


def picture(
    connection: Connection,
    question: str,
    *,
    now: datetime,
    by_week: bool = False,
    calibration: bool = False,
    only_others: bool = False,
) -> Chart:
    """Return the chart of a release or, without a question, of all that is known.

    Raises:
        ReleaseNotFoundError: no release goes by that name.
        NothingToDrawError: there are no numbers.
    """
    if by_week:
        return dora_chart(measure(connection, until=now, weeks=_WEEKS))
    if calibration:
        return calibration_chart(connection, only_others=only_others)
    return release_chart(connection, question)


def drawn(chart: Chart, path: Path) -> bytes:
    """Return a chart as the file of that name would hold it.

    Raises:
        SettingsError: the name ends with neither .html nor .png.
    """
    match path.suffix.lower():
        case ".html" | ".htm":
            return as_html(chart)
        case ".png":
            return as_png(chart)
        case _:
            raise SettingsError(f"{path} ends with {path.suffix or 'no suffix'}, expected .html or .png")
