from __future__ import annotations

from pathlib import Path

import pytest

from infra.dev import cluster, collector, debian, leftovers


def test_mounts_below_a_folder_come_innermost_first(tmp_path: Path) -> None:
    table = tmp_path / "mounts"
    table.write_text(
        "overlay / overlay rw 0 0\n"
        "tmpfs /state/one/kubelet tmpfs rw 0 0\n"
        "tmpfs /state/one/kubelet/pods/a tmpfs rw 0 0\n"
        "tmpfs /state/one-more tmpfs rw 0 0\n"
    )
    found = leftovers.mounts_below(Path("/state/one"), table)
    assert found == ["/state/one/kubelet/pods/a", "/state/one/kubelet"]


def test_a_folder_with_something_mounted_below_is_never_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "precious").write_text("data")
    monkeypatch.setattr(leftovers, "mounts_below", lambda folder: [f"{folder}/mount"])
    with pytest.raises(OSError, match="still mounted"):
        leftovers.remove_folder(tmp_path)
    assert (tmp_path / "precious").exists()


def test_a_folder_that_is_not_there_is_removed_already(tmp_path: Path) -> None:
    leftovers.remove_folder(tmp_path / "never made")


def test_what_to_install_is_said_to_those_who_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert debian.missing({"sh": "dash"}) is None
    reason = debian.missing({"no-such-program": "some-package", "sh": "dash"})
    assert reason == "no-such-program not installed, expected the packages some-package"
    assert "root" in str(cluster.available())


def test_the_production_collector_keeps_what_the_join_of_releases_needs() -> None:
    text = collector.PRODUCTION_CONFIG.read_text()
    for needed in (
        "wait_for_metadata: true",
        "k8s.replicaset.name",
        "pod-template-hash",
        "required_acks: -1",
    ):
        assert needed in text
