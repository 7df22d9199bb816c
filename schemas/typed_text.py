"""What people and other systems write freely, such as reasons: without secrets from the moment it is a value.

Every door that takes such a text in, the gateway, the command line, a webhook or a channel, makes one of the
values that call `hush`, and so does whoever reads one from the log. No door can forget it.
"""

from schemas.redaction import redact_typed


def hush(value: object, field: str) -> None:
    """Redact a field of a frozen value that is being made; for `__post_init__`."""
    text = getattr(value, field)
    hushed = redact_typed(text) if text else text
    if hushed != text:
        object.__setattr__(value, field, hushed)
