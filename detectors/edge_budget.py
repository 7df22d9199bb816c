"""How a signal's part of the false-rollback budget is split over its edges, which appear over time.

Splitting it evenly over the edges that are known so far spends it more than once: the first edge had the
whole, the second a half, the third a third, and the sum of that has no bound. So every edge has a part that
never changes. Edges that spoke before the release share nearly all of it evenly; those that come later get
parts of the rest in the order in which they came, 1/2, 1/6, 1/12, ..., which add up to one however many come.
Where nothing was heard before the release, later edges share the whole so.

Routes say again what the callers' edges say together. Where any was heard before the release, the callers
keep half and the routes share the other half in the same way. Where none was, no route has a part: whether
the callers keep the whole must not hang on what comes.

Source: the series is the usual one of online multiple testing, see D. P. Foster, R. A. Stine,
"Alpha-investing", Journal of the Royal Statistical Society B 70 (2008). Departure: nothing is earned back.
"""

from collections.abc import Sequence

from detectors.case import Span
from detectors.matching import selector_key
from detectors.windows import ServiceWindow
from schemas.signals import Signal

FOR_LATER = 0.05
"""Part that is kept for edges that come after the release began. More makes known edges convict later; less
makes a new endpoint of the release one that can hardly convict."""


FOR_ROUTES = 0.5
"""Part of a signal's budget that its routes have together. More finds damage of it all later."""


def edge_parts(
    window: ServiceWindow,
    pods: Sequence[str],
    signal: Signal,
    edges: Sequence[str],
    span: Span,
    routes: Sequence[str] = (),
) -> dict[str, float]:
    """Return each edge's part of its signal's budget, in [0, 1]; all that ever are add up to 1 at most.

    Args:
        window: The service's window.
        pods: Keys of the pods on both sides.
        signal: Whose edges they are.
        edges: Names, any order, each once.
        span: Where the release began.
        routes: Its routes, as edges.
    """
    parts = _split({edge: _first_heard(window, pods, signal, edge, span) for edge in edges}, span)
    came = {route: _first_heard(window, pods, signal, route, span) for route in routes}
    if not any(first < span.start for first in came.values()):
        return parts | dict.fromkeys(routes, 0.0)
    halves = {edge: (1.0 - FOR_ROUTES) * part for edge, part in parts.items()}
    return halves | {route: FOR_ROUTES * part for route, part in _split(came, span).items()}


def part_left(
    window: ServiceWindow,
    pods: Sequence[str],
    signal: Signal,
    edges: Sequence[str],
    span: Span,
    routes: Sequence[str] = (),
) -> float:
    """Return the part of a signal's budget that `edge_parts` has given to nobody so far, in [0, 1].

    Takes what `edge_parts` takes.
    """
    parts = _left({edge: _first_heard(window, pods, signal, edge, span) for edge in edges}, span)
    came = {route: _first_heard(window, pods, signal, route, span) for route in routes}
    if not any(first < span.start for first in came.values()):
        return parts
    return (1.0 - FOR_ROUTES) * parts + FOR_ROUTES * _left(came, span)


def _left(came: dict[str, int], span: Span) -> float:
    """Return what is left of the series for later edges: k terms of it lack 1 / (k + 1) of the whole."""
    later = sum(first >= span.start for first in came.values())
    return (FOR_LATER if later < len(came) else 1.0) / (later + 1)


def _split(came: dict[str, int], span: Span) -> dict[str, float]:
    """Return the part of each edge by the interval in which it was first heard."""
    later = sorted((edge for edge in came if came[edge] >= span.start), key=lambda edge: (came[edge], edge))
    known = len(came) - len(later)
    rest = FOR_LATER if known else 1.0
    parts = {edge: (1.0 - FOR_LATER) / known for edge in came if came[edge] < span.start}
    parts |= {edge: rest / (place * (place + 1)) for place, edge in enumerate(later, start=1)}
    return parts


def _first_heard(window: ServiceWindow, pods: Sequence[str], signal: Signal, edge: str, span: Span) -> int:
    """Return the first interval since the quiet time began in which an edge was heard; the end for none."""
    key = f"{selector_key(signal.exposure or signal.events)}|{edge}"
    first = span.end
    for name in pods:
        track = window.pods[name].track(key)
        if track is not None:
            first = track.first_heard(span.quiet, first)
    return first
