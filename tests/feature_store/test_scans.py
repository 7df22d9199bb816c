"""How many columns a file has is found by looking into few of them."""

from hypothesis import given
from hypothesis import strategies as st

from feature_store.scans import ScannedFile, effects_view, scanned_files


def fresh(number: int, partition: int = 3) -> str:
    return f"day=2026-11-23/p{partition:04d}-{number:012d}-{number:012d}.parquet"


def of_one_kind(number: int, sequence: int) -> str:
    return f"day=2026-11-23/kind=decision/p0003-{number:012d}-{number:012d}.s{sequence}.parquet"


@given(st.lists(st.integers(40, 50), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_where_columns_are_only_appended_the_count_of_every_file_is_right(
    counts: list[int], draw: object
) -> None:
    truth = {fresh(number): count for number, count in enumerate(sorted(counts))}
    names = list(truth)
    draw.shuffle(names)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert sorted(scanned_files(names, truth.__getitem__), key=lambda file: file.name) == [
        ScannedFile(name, count) for name, count in truth.items()
    ]


def test_of_ten_thousand_files_that_one_version_wrote_two_are_looked_into() -> None:
    asked: list[str] = []

    def count(name: str) -> int:
        asked.append(name)
        return 48

    scanned_files(map(fresh, range(10_000)), count)
    assert asked == [fresh(0), fresh(9_999)]


def test_a_compacted_file_counts_by_when_it_was_written_not_by_what_it_holds() -> None:
    # The compaction of what is oldest may be the newest file of all.
    truth = {of_one_kind(0, 9): 50, of_one_kind(100, 4): 48, of_one_kind(200, 5): 48, fresh(300): 50}
    assert {file.name: file.columns for file in scanned_files(truth, truth.__getitem__)} == truth


def test_files_of_one_kind_are_read_by_the_name_of_their_folder() -> None:
    text = effects_view([ScannedFile(of_one_kind(0, 1), 48), ScannedFile(fresh(1), 48)], has_doubles=False)
    of_kind, all_kinds = sorted(text.split("UNION ALL"), key=lambda scan: "kind=" not in scan)
    assert "hive_partitioning = true" in of_kind
    assert "hive_partitioning = false" in all_kinds
