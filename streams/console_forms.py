"""Forms that the console's pages send: read strictly, and only from its own pages."""

from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from fastapi import Request

from streams.gateway_bodies import RefusedRequest, media_type, read_body

_LARGEST_FORM = 16 * 1024  # bytes
_MOST_FIELDS = 10


async def read_form(request: Request) -> dict[str, str]:
    """Return a form's fields.

    Raises:
        RefusedRequest: another site sent it (403), it is no form (415), is too large (413), or malformed or
            names a field twice (400).
    """
    _check_origin(request)
    if media_type(request) != "application/x-www-form-urlencoded":
        raise RefusedRequest(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "body is no form")
    body = await read_body(request, _LARGEST_FORM)
    try:
        fields = parse_qs(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError as error:
        raise RefusedRequest(HTTPStatus.BAD_REQUEST, "form is malformed, expected UTF-8") from error
    if any(len(values) > 1 for values in fields.values()):
        raise RefusedRequest(HTTPStatus.BAD_REQUEST, "form names a field twice, expected each once")
    return {name: values[0] for name, values in fields.items()}


def _check_origin(request: Request) -> None:
    """Refuse what a browser says another site sent; who is no browser says nothing and has no cookie."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    is_ours = origin is None or urlsplit(origin).netloc == request.headers.get("host", "")
    if site != "same-origin" or not is_ours:
        raise RefusedRequest(HTTPStatus.FORBIDDEN, "another site sent this form")
