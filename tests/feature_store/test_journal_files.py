"""Files of the journal as DuckDB reads them: from several threads at once, each from its own place."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pyarrow.fs import LocalFileSystem

from feature_store.journal_files import JournalFiles


def test_threads_that_share_an_open_file_read_what_they_went_to(tmp_path: Path) -> None:
    content = bytes(range(256)) * 4000
    (tmp_path / "a.parquet").write_bytes(content)
    files = JournalFiles(LocalFileSystem(), tmp_path, [tmp_path / "a.parquet"])
    file = files._open("a.parquet")

    def is_right(place: int) -> bool:
        file.seek(place)
        return file.read(64) == content[place : place + 64]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(is_right, [(7919 * number) % (len(content) - 64) for number in range(20_000)]))
    file.seek(-3, 2)
    assert file.read() == content[-3:]
    file.close()
