"""Which of its two forms an OTLP message has, told from its bytes: topics carry either."""

_BLANKS = b" \t\r\n"


def is_json(data: bytes) -> bool:
    """Return whether the message is JSON.

    A protobuf request begins with byte 0x0A, its first field's tag, which is also a line feed; and the
    length after it may be 0x7B, which is also a brace. So a blank before the brace counts as JSON only
    when the text ends in a brace and has no other control characters, as no request has.

    >>> is_json(b'{"resourceMetrics":[]}'), is_json(bytes([0x0A, 0x7B]) + bytes(123))
    (True, False)
    """
    if data[:1] == b"{":
        return True
    text = data.strip(_BLANKS)
    if text[:1] != b"{" or text[-1:] != b"}":
        return False
    # Metrics, log records and attribute values sit in fields numbered 2: every request that says
    # anything has their tag, 0x12.
    return not any(byte < 0x20 and byte not in _BLANKS for byte in data)
