"""A stack trace is one line, whoever wrote it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.redaction import redact
from schemas.stack_traces import folded

JAVA = """Failed to place order 8812
com.acme.shop.OutOfStockException: none of sku 7 left
\tat com.acme.shop.Stock.take(Stock.java:41)
\tat com.acme.shop.Orders.place(Orders.java:102)
Caused by: java.sql.SQLException: deadlock
\t... 23 more
"""
PYTHON = """could not charge card
Traceback (most recent call last):
  File "/srv/app/main.py", line 12, in handle
    charge(card)
  File "/srv/app/pay.py", line 7, in charge
    raise PaymentError("card 4111111111111111 refused")
acme.PaymentError: card 4111111111111111 refused
"""
GO = """panic: runtime error: index out of range [5] with length 3

goroutine 17 [running]:
main.(*Cart).Add(0xc000012345, 0x5)
\t/srv/cart.go:12 +0x1d
main.main()
"""
NODE = """TypeError: Cannot read properties of undefined (reading 'price')
    at total (/srv/cart.js:10:5)
    at async handle (/srv/index.js:44:3)
"""
DOTNET = """Unhandled exception. System.InvalidOperationException: Sequence contains no elements
   at System.Linq.ThrowHelper.ThrowNoElementsException()
   at Shop.Cart.First() in /src/Cart.cs:line 12
"""


@pytest.mark.parametrize(
    ("trace", "line"),
    [
        (JAVA, "Failed to place order <n>; com.acme.shop.OutOfStockException at com.acme.shop.Stock.take"),
        (PYTHON, "could not charge card; acme.PaymentError at charge"),
        (GO, "panic: runtime error: index out of range [<n>] with length <n> at main.(*Cart).Add"),
        (NODE, "TypeError: Cannot read properties of undefined (reading 'price') at total"),
        (
            DOTNET,
            "Unhandled exception. System.InvalidOperationException: Sequence contains no elements "
            "at System.Linq.ThrowHelper.ThrowNoElementsException",
        ),
        ("two lines\nof prose", "two lines"),
    ],
)
def test_a_trace_is_its_first_line_its_error_and_its_innermost_frame(trace: str, line: str) -> None:
    assert redact(trace) == line


@pytest.mark.parametrize("trace", [JAVA, PYTHON, GO, NODE])
def test_line_numbers_do_not_tell_traces_apart(trace: str) -> None:
    moved = trace.replace("12", "911").replace("41", "57").replace(":10:5", ":73:9")
    assert redact(moved) == redact(trace)


def test_a_secret_in_an_exceptions_message_stays_out() -> None:
    trace = "login failed\njava.lang.IllegalStateException: password=horsebattery\n\tat a.b.C.d(C.java:1)"
    assert redact(trace) == "login failed; java.lang.IllegalStateException at a.b.C.d"


@given(st.text(max_size=400))
def test_any_text_folds_to_one_line(text: str) -> None:
    assert len(folded(text).splitlines()) <= 1
