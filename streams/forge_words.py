"""What forges are told of a release: which repository it is of, and the judge's word in a line."""

from urllib.parse import urlsplit

from schemas.judgements import Verdict, VerdictKind
from schemas.outward_words import SAID_BY, outward_title, outward_words


def path_on(forge: str, repository: str) -> str:
    """Return a repository's path on a forge; "" for one of another forge.

    >>> path_on("https://github.com", "https://github.com/shop/cart")
    'shop/cart'
    >>> path_on("https://git.example/lab", "https://git.example/lab/shop/web/cart.git")
    'shop/web/cart'
    >>> path_on("https://github.com", "https://github.com.evil.example/shop/cart")
    ''
    """
    ours, theirs = urlsplit(forge), urlsplit(repository)
    root = ours.path.rstrip("/") + "/"
    if theirs.netloc.lower() != ours.netloc.lower() or not theirs.path.startswith(root):
        return ""
    return theirs.path.removeprefix(root).strip("/").removesuffix(".git")


def is_told(verdict: Verdict) -> bool:
    """Return whether a verdict is news for who deploys: harm at once, all else at the end of the watch."""
    return verdict.kind is VerdictKind.HARMFUL or verdict.is_final


def line_of(verdict: Verdict, longest: int) -> str:
    """Return a verdict in one line of bounded length."""
    return shortened(f"{SAID_BY}{outward_title(verdict)}; {outward_words(verdict)}", longest)


def shortened(text: str, longest: int) -> str:
    """Return a text that is no longer than it may be.

    >>> shortened("harmful: cart", 8)
    'harmful…'
    """
    plain = " ".join(text.split())
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"
