"""Container images without an engine or a registry: one layer, written as an OCI image layout.

Source: OCI Image Format Specification 1.1, "Image Layout" and "Image Configuration".
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["write_image"]

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def write_image(
    target: Path,
    *,
    name: str,
    files: Mapping[str, Path | bytes],
    entrypoint: Sequence[str],
    env: Mapping[str, str] | None = None,
) -> None:
    """Write an image as a tar file that `ctr images import` and other tools read.

    The same input gives the same bytes: no times, no users, files in order.

    Args:
        target: The tar file to write.
        name: What pods call it, with a tag, such as `localhost/shop:v1`.
        files: Content by absolute path in the image; all of it is executable, all of it root's.
        entrypoint: The command line it starts with.
        env: Its environment.
    """
    layer = _layer(files)
    config = {
        "architecture": ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": {
            "Entrypoint": list(entrypoint),
            "Env": [f"{key}={value}" for key, value in sorted((env or {}).items())],
            "WorkingDir": "/",
        },
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    config_blob = _json(config)
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _descriptor(CONFIG, config_blob),
            "layers": [_descriptor(LAYER, layer)],
        }
    )
    annotations = {
        "io.containerd.image.name": name,
        "org.opencontainers.image.ref.name": name.rpartition(":")[2],
    }
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [{**_descriptor(MANIFEST, manifest), "annotations": annotations}],
    }
    blobs = {
        f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}": blob for blob in (layer, config_blob, manifest)
    }
    layout = {"oci-layout": _json({"imageLayoutVersion": "1.0.0"}), "index.json": _json(index), **blobs}
    with tarfile.open(target, "w") as archive:
        for path, content in layout.items():
            _add(archive, path, content, mode=0o644)


def _layer(files: Mapping[str, Path | bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        folders: set[str] = set()
        for path, content in sorted(files.items()):
            inside = path.lstrip("/")
            for folder in reversed([parent.as_posix() for parent in Path(inside).parents][:-1]):
                if folder not in folders:
                    folders.add(folder)
                    entry = tarfile.TarInfo(folder)
                    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                    archive.addfile(entry)
            _add(archive, inside, content if isinstance(content, bytes) else content.read_bytes(), mode=0o755)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, path: str, content: bytes, *, mode: int) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def _descriptor(media_type: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
