"""The images that a cluster of ours can run: `localhost/pause:1`, `localhost/shop:v1` and `:v2`.

Both versions of the shop are the same program; they differ in `VERSION`. `FAULT` makes either ill.
"""

from __future__ import annotations

from pathlib import Path

from infra.dev import cache, golang
from infra.dev.image import write_image

__all__ = ["PAUSE", "SHOP_V1", "SHOP_V2", "fetch", "shop_binary"]

SOURCE = Path(__file__).parent / "shop"
PAUSE = "localhost/pause:1"
SHOP_V1 = "localhost/shop:v1"
SHOP_V2 = "localhost/shop:v2"


def fetch() -> Path:
    """Return the folder of the images' tar files and programs, built if need be (10 s to a minute).

    Raises:
        PartUnavailableError: There is no Go.
    """
    return cache.cached("shop", "2", [SOURCE, Path(__file__), Path(__file__).with_name("image.py")], _build)


def shop_binary() -> Path:
    """Return the shop's program, to be run outside a cluster: `shop`, or `shop load`."""
    return fetch() / "shop"


def _build(folder: Path) -> None:
    golang.build(SOURCE, [".", "./pause"], folder, static=True)
    write_image(folder / "pause.tar", name=PAUSE, files={"/pause": folder / "pause"}, entrypoint=["/pause"])
    for name in (SHOP_V1, SHOP_V2):
        version = name.rpartition(":")[2]
        write_image(
            folder / f"shop-{version}.tar",
            name=name,
            files={"/shop": folder / "shop"},
            entrypoint=["/shop"],
            env={"VERSION": version},
        )
