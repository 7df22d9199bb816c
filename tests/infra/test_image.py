from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from infra.dev.image import write_image


def written(path: Path) -> dict[str, bytes]:
    write_image(
        path,
        name="localhost/shop:v1",
        files={"/usr/bin/shop": b"program", "/etc/motd": b"hello"},
        entrypoint=["/usr/bin/shop"],
        env={"VERSION": "v1"},
    )
    with tarfile.open(path) as archive:
        return {one.name: _content(archive, one) for one in archive.getmembers()}


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    return file.read()


def blob(layout: dict[str, bytes], descriptor: dict[str, Any]) -> bytes:
    algorithm, _, value = descriptor["digest"].partition(":")
    content = layout[f"blobs/{algorithm}/{value}"]
    assert hashlib.sha256(content).hexdigest() == value
    assert len(content) == descriptor["size"]
    return content


def test_the_layout_leads_from_the_name_to_every_blob(tmp_path: Path) -> None:
    layout = written(tmp_path / "image.tar")
    assert json.loads(layout["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (entry,) = json.loads(layout["index.json"])["manifests"]
    assert entry["annotations"]["io.containerd.image.name"] == "localhost/shop:v1"
    manifest = json.loads(blob(layout, entry))
    config = json.loads(blob(layout, manifest["config"]))
    (layer,) = manifest["layers"]
    # The layer is not compressed, so its digest is also its content's.
    assert config["rootfs"]["diff_ids"] == [layer["digest"]]
    assert config["config"]["Entrypoint"] == ["/usr/bin/shop"]
    assert config["config"]["Env"] == ["VERSION=v1"]
    assert len(layout) == 5


def test_the_layer_holds_the_files_below_their_folders(tmp_path: Path) -> None:
    layout = written(tmp_path / "image.tar")
    (entry,) = json.loads(layout["index.json"])["manifests"]
    (layer,) = json.loads(blob(layout, entry))["layers"]
    with tarfile.open(fileobj=io.BytesIO(blob(layout, layer))) as archive:
        assert archive.getnames() == ["etc", "etc/motd", "usr", "usr/bin", "usr/bin/shop"]
        program = archive.getmember("usr/bin/shop")
        assert (program.mode, program.uid, program.mtime) == (0o755, 0, 0)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    written(tmp_path / "a.tar")
    written(tmp_path / "b.tar")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
