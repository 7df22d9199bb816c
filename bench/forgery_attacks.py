"""What a stranger may try with a delivery that was seen or guessed: each attack makes another request of it.

Sources: OWASP "API Security Top 10" 2023 (API2, broken authentication); standardwebhooks.com, specification
1.0, "Security considerations"; RFC 9110, 5.3 (headers that come twice).
"""

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from random import Random

from bench.forgery_senders import LATER, NOW, SECRETS, SENDERS, Delivery, Sender, other_hash

Forge = Callable[[Sender, Delivery, int, Random], Delivery]
"""The sender, its original, the original's number and a source of chance to a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """A way to forge.

    Attributes:
        is_replay: It comes after the original, which was accepted: what it repeats must not count again.
            Others come before, when the gateway has seen nothing of it.
    """

    name: str
    forge: Forge
    is_replay: bool = False


def attacks_on(sender: Sender) -> tuple[Attack, ...]:
    """Return the attacks that make sense against a sender."""
    found = [*(_on_proof() if sender.proof else _on_metadata())]
    if sender.signs:
        found += _on_signature()
        found += _on_body()
    if sender.time:
        found += _on_time()
    if sender.counts_once:
        found += _replays(sender)
    return tuple(found)


def _on_proof() -> Iterator[Attack]:
    """Yield attacks on a header, whether it holds a signature or a token."""

    def changed(change: Callable[[bytes, Random], bytes | None]) -> Forge:
        return lambda sender, of, _n, chance: of.with_header(
            sender.proof, change(of.header(sender.proof), chance)
        )

    yield Attack(name="proof missing", forge=changed(lambda _v, _c: None))
    yield Attack(name="proof empty", forge=changed(lambda _v, _c: b""))
    yield Attack(name="proof of chance", forge=changed(lambda v, c: v[:7] + c.randbytes(32).hex().encode()))
    yield Attack(name="proof with one character changed", forge=changed(_one_changed))
    yield Attack(name="proof cut short", forge=changed(lambda v, c: v[: c.randrange(1, len(v))]))
    yield Attack(
        name="proof with more behind it", forge=changed(lambda v, c: v + bytes([c.choice(b"0aZ=.")]))
    )
    yield Attack(name="proof in the other case", forge=changed(lambda v, _c: v[:3] + v[3:].swapcase()))
    yield Attack(name="proof with a blank inside", forge=changed(lambda v, _c: v[:12] + b" " + v[12:]))
    yield Attack(
        name="proof that is not ASCII", forge=changed(lambda v, c: v[:-1] + bytes([c.randrange(128, 256)]))
    )
    yield Attack(name="proof with a zero byte", forge=changed(lambda v, _c: v + b"\0"))
    yield Attack(name="proof of another prefix", forge=changed(_other_prefix))
    yield Attack(name="proof twice", forge=_twice)
    yield Attack(name="proof of another sender", forge=_of_another)


def _one_changed(value: bytes, chance: Random) -> bytes:
    place = chance.randrange(min(7, len(value) - 1), len(value))
    # Of base64's last character before the padding some bits do not count: the check is of characters.
    other = chance.choice([one for one in b"0123456789abcdefABCDEF" if one != value[place]])
    return value[:place] + bytes([other]) + value[place + 1 :]


def _other_prefix(value: bytes, chance: Random) -> bytes:
    for prefix in (b"v1=", b"v0=", b"sha256=", b"v1,", b"Bearer "):
        if value.startswith(prefix):
            others = (
                b"",
                b"v2=",
                b"v0,",
                b"sha1=",
                b"sha512=",
                b"none=",
                b"V1=",
                b"Basic ",
                b"Token ",
                b"v1:",
            )
            return chance.choice(others) + value.removeprefix(prefix)
    return b"Bearer " + value


def _twice(sender: Sender, of: Delivery, _number: int, chance: Random) -> Delivery:
    mine = (sender.proof, chance.choice((of.header(sender.proof), b"v1=00", b"Bearer x")))
    return replace(of, headers=(mine, *of.headers) if chance.random() < 0.5 else (*of.headers, mine))


def _of_another(sender: Sender, of: Delivery, number: int, chance: Random) -> Delivery:
    other = chance.choice([one for one in SENDERS if one.proof and one.path != sender.path])
    theirs = other.signed(of.body, number)
    kept = tuple(pair for pair in of.headers if pair[0] != sender.proof)
    named = ((sender.proof, theirs.header(other.proof)),) if chance.random() < 0.5 else theirs.headers
    # Without the content type of the other, which would be there twice.
    return replace(of, headers=kept + tuple(pair for pair in named if pair[0] != b"content-type"))


def _on_metadata() -> Iterator[Attack]:
    """Yield attacks on a token that stands in the body."""

    def changed(change: Callable[[str, Random], object]) -> Forge:
        def forge(_sender: Sender, of: Delivery, _number: int, chance: Random) -> Delivery:
            message = json.loads(of.body)
            message["metadata"]["token"] = change(message["metadata"]["token"], chance)
            return replace(of, body=json.dumps(message).encode())

        return forge

    yield Attack(name="token empty", forge=changed(lambda _t, _c: ""))
    yield Attack(name="token null", forge=changed(lambda _t, _c: None))
    yield Attack(name="token a list", forge=changed(lambda t, _c: [t]))
    yield Attack(name="token true", forge=changed(lambda _t, _c: True))
    yield Attack(name="token cut short", forge=changed(lambda t, c: t[: c.randrange(1, len(t))]))
    yield Attack(name="token with more behind it", forge=changed(lambda t, _c: t + "x"))
    yield Attack(name="token in the other case", forge=changed(lambda t, _c: t.swapcase()))
    yield Attack(
        name="token that is not ASCII", forge=changed(lambda t, c: t[:-1] + chr(c.randrange(128, 0xD000)))
    )
    yield Attack(name="token of another", forge=changed(lambda _t, _c: SECRETS["approvals"].decode() + "x"))
    yield Attack(name="token of chance", forge=changed(lambda _t, c: c.randbytes(20).hex()))
    yield Attack(
        name="body cut short", forge=lambda _s, of, _n, c: replace(of, body=of.body[: c.randrange(60)])
    )
    yield Attack(
        name="body null or a list", forge=lambda _s, of, _n, c: replace(of, body=c.choice(_NONSENSE))
    )


def _on_signature() -> Iterator[Attack]:
    """Yield signatures that are made rightly, with what is not the secret or not the method."""

    def with_secret(secret: Callable[[Sender, Random], bytes]) -> Forge:
        return lambda sender, of, number, chance: sender.signed(
            of.body, number, secret=secret(sender, chance)
        )

    def hashed(sender: Sender, of: Delivery, _number: int, chance: Random) -> Delivery:
        name = chance.choice(("md5", "sha1", "sha384", "sha512", "sha3_256", "blake2s"))
        proof = of.header(sender.proof)
        prefix = proof[: proof.index(b"=" if b"=" in proof[:8] else b",") + 1]
        return of.with_header(sender.proof, prefix + other_hash(of.body, sender.secret, name))

    yield Attack(name="signed with an empty secret", forge=with_secret(lambda _s, _c: b""))
    yield Attack(name="signed with another secret", forge=with_secret(lambda _s, c: c.randbytes(24)))
    yield Attack(name="signed with the secret's beginning", forge=with_secret(lambda s, _c: s.secret[:-1]))
    yield Attack(
        name="signed with another sender's secret",
        forge=with_secret(lambda s, c: c.choice([v for k, v in SECRETS.items() if k != s.name])),
    )
    yield Attack(name="signed by another hash", forge=hashed)
    yield Attack(name="nonsense that is signed", forge=lambda s, _of, n, c: s.signed(c.choice(_NONSENSE), n))


_NONSENSE = (
    b"",
    b"null",
    b"[]",
    b"[null]",
    b"{}",
    b"0",
    b"NaN",
    b'"x"',
    b"payload=null",
    b"payload=%5B%5D",
    b"\xff",
)


def _on_body() -> Iterator[Attack]:
    """Yield bodies that are not the ones that were signed."""

    def changed(change: Callable[[bytes, Random], bytes]) -> Forge:
        return lambda _sender, of, _number, chance: replace(of, body=change(of.body, chance))

    def flipped(body: bytes, chance: Random) -> bytes:
        place = chance.randrange(len(body))
        return body[:place] + bytes([body[place] ^ (1 << chance.randrange(8))]) + body[place + 1 :]

    def packed(sender: Sender, of: Delivery, number: int, chance: Random) -> Delivery:
        body = gzip.compress(of.body, mtime=0)
        is_signed_packed = chance.random() < 0.5
        forged = sender.signed(body, number) if is_signed_packed else replace(of, body=body)
        return forged.with_header(
            b"content-encoding", chance.choice((b"gzip", b"GZip", b"deflate", b"identity"))
        )

    def padded(body: bytes, chance: Random) -> bytes:
        # As a length extension needs it of a plain hash: SHA-256's own padding, then what is added.
        length = (len(body) + 64) * 8
        gap = (55 - len(body)) % 64
        return (
            body
            + b"\x80"
            + bytes(gap)
            + length.to_bytes(8, "big")
            + chance.choice((b"x", b"&a=b", b'{"a":1}'))
        )

    def said_otherwise(body: bytes, _chance: Random) -> bytes:
        for theirs, ours in ((b"approve", b"reject"), (b"in_progress", b"success"), (b"success", b"running")):
            if theirs in body:
                return body.replace(theirs, ours)
        return body + b" "

    yield Attack(name="body with one bit changed", forge=changed(flipped))
    yield Attack(name="body cut short", forge=changed(lambda b, c: b[: c.randrange(len(b))]))
    yield Attack(
        name="body with more behind it", forge=changed(lambda b, c: b + c.choice((b" ", b"\n", b"\0", b"}")))
    )
    yield Attack(name="body that is padded as for a length extension", forge=changed(padded))
    yield Attack(name="body that says something else", forge=changed(said_otherwise))
    yield Attack(name="body written otherwise", forge=changed(_rewritten))
    yield Attack(name="body in UTF-16", forge=changed(lambda b, _c: b.decode().encode("utf-16")))
    yield Attack(name="body with a byte order mark", forge=changed(lambda b, _c: b"\xef\xbb\xbf" + b))
    yield Attack(name="body packed", forge=packed)
    yield Attack(name="body null or a list", forge=changed(lambda _b, c: c.choice(_NONSENSE)))


def _rewritten(body: bytes, chance: Random) -> bytes:
    """Return a body of much the same meaning in other bytes."""
    if body.startswith(b"payload="):
        return chance.choice((body.replace(b"+", b"%20"), b"a=b&" + body, body + b"&payload=%7B%7D"))
    parsed = json.loads(body)
    return chance.choice(
        (
            json.dumps(parsed, separators=(",", ":")).encode(),
            json.dumps(parsed, indent=1).encode(),
            b"payload=" + base64.b64encode(body),
            body.replace(b"e", b"\\u0065", 1),
        )
    )


def _on_time() -> Iterator[Attack]:
    """Yield times that are not ours, signed or not."""
    odd = (
        b"nan", b"NaN", b"inf", b"-1", b"-1795183205", b"1795183205.0", b"1.795e9", b"0x6b007be5",
        b"1_795_183_205", b" 1795183205", b"+1795183205", b"", b"9" * 13, b"9" * 400,
        "١٧٩٥١٨٣٢٠٥".encode(), b"\xb2\xb3", b"0",
    )  # fmt: skip

    def unsigned(sender: Sender, of: Delivery, _number: int, chance: Random) -> Delivery:
        stamp = str(int(of.header(sender.time)) + chance.choice((-1, 1, 299, -299))).encode()
        return of.with_header(sender.time, chance.choice((*odd, stamp)))

    def signed(sender: Sender, of: Delivery, number: int, chance: Random) -> Delivery:
        # As the vendor would sign it, were its clock so: only the time itself may refuse it.
        off = chance.choice(
            (-LATER, LATER, timedelta(days=-1), timedelta(days=400), NOW.replace(year=1971) - NOW)
        )
        return replace(sender.signed(of.body, number, NOW + off), at=NOW)

    def twice(sender: Sender, of: Delivery, _number: int, _chance: Random) -> Delivery:
        return replace(of, headers=(*of.headers, (sender.time, of.header(sender.time))))

    yield Attack(name="time that was not signed", forge=unsigned)
    yield Attack(name="time missing", forge=lambda s, of, _n, _c: of.with_header(s.time, None))
    yield Attack(name="time 301 s off or more, signed", forge=signed)
    yield Attack(name="time twice", forge=twice)
    yield Attack(name="arrives 301 s later", forge=lambda _s, of, _n, _c: replace(of, at=of.at + LATER))


def _replays(sender: Sender) -> Iterator[Attack]:
    """Yield ways to deliver again what was accepted."""

    def header(name: bytes, _sender: Sender, of: Delivery, _number: int, chance: Random) -> Delivery:
        values = (None, b"", b"x-%d" % chance.randrange(10**9), b"\xff", of.header(name) + b"; charset=utf-7")
        return of.with_header(name, chance.choice(values))

    def more(_sender: Sender, of: Delivery, _number: int, chance: Random) -> Delivery:
        extra = (
            (b"x-http-method-override", b"PUT"),
            (b"x-forwarded-for", b"127.0.0.1"),
            (b"content-encoding", b"identity"),
            (b"x-slack-retry-num", b"1"),
            (b"expect", b"100-continue"),
        )
        return replace(of, headers=(*of.headers, chance.choice(extra)))

    def later(by: timedelta) -> Forge:
        return lambda _s, of, _n, _c: replace(of, at=of.at + by)

    yield Attack(name="replayed", forge=lambda _s, of, _n, _c: of, is_replay=True)
    yield Attack(name="replayed with another header beside", forge=more, is_replay=True)
    for name in sender.told:
        yield Attack(
            name=f"replayed with another {name.decode()}", forge=partial(header, name), is_replay=True
        )
    for words, by in (
        ("299 s", timedelta(seconds=299)),
        ("23 hours", timedelta(hours=23)),
        ("71 hours", timedelta(hours=71)),
        ("40 days", timedelta(days=40)),
    ):
        yield Attack(name=f"replayed {words} later", forge=later(by), is_replay=True)
    if sender.name == "pagerduty":
        yield Attack(
            name="replayed with more signatures beside",
            forge=lambda s, of, _n, _c: of.with_header(s.proof, b"v1=00, " + of.header(s.proof) + b",,v2=1"),
            is_replay=True,
        )
