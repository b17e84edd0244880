"""The journal: numbered without holes, found again after a crash, silent about nothing."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from codecast_agent import journal as journals
from codecast_agent.journal import Journal, bounds, last_payload, scan, seek, segments
from codecast_agent.protocol import records
from codecast_agent.protocol.errors import CodecastError


def payload(number: int, size: int = 100) -> bytes:
    return records.dump({"type": "notice", "level": "info", "text": f"{number} " + "x" * size})


def seqs(directory: Path) -> list[int]:
    return [seq for seq, _, _ in scan(str(directory))]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "SEGMENT", 2000)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    path = tmp_path / "small"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def test_numbers_go_on_after_reopening(directory: Path) -> None:
    for first in (1, 4, 7):
        journal = Journal(str(directory))
        assert journal.seq == first - 1
        assert journal.append([payload(first + n) for n in range(3)])
        journal.close()
    assert seqs(directory) == list(range(1, 10))
    assert bounds(str(directory)) == (1, 9)


def test_empty_journal(directory: Path) -> None:
    assert bounds(str(directory)) == (1, 0)
    assert seek(str(directory), 0) is None
    assert last_payload(str(directory)) == b""


@pytest.mark.usefixtures("small_segments")
def test_every_seq_is_found_in_every_segment(directory: Path) -> None:
    journal = Journal(str(directory))
    for number in range(1, 101):
        journal.append([payload(number, number % 7 * 40)])
    assert len(segments(str(directory))) > 5
    for after in range(102):
        found = seek(str(directory), after)
        assert found is not None
        path, offset = found
        with open(path, "rb") as file:
            file.seek(offset)
            line = file.readline()
        if line:
            assert int(line.split(b" ")[0]) == after + 1
        else:  # the end of a segment; the next one begins with it
            assert after >= 100 or f"{after + 1:016d}" in "".join(segments(str(directory)))


def test_first_seq_after_old_segments_are_gone(directory: Path, small_segments: None) -> None:
    journal = Journal(str(directory))
    for number in range(1, 101):
        journal.append([payload(number)])
    Path(segments(str(directory))[0]).unlink()
    first = journals.first_seq_of(segments(str(directory))[0])
    assert bounds(str(directory)) == (first, 100)
    assert seek(str(directory), 0) == (segments(str(directory))[0], 0)


@pytest.mark.parametrize("lost", range(1, 12))
def test_torn_tail_is_cut_at_the_last_whole_record(directory: Path, lost: int) -> None:
    journal = Journal(str(directory))
    journal.append([payload(1), payload(2), payload(3)])
    journal.close()
    path = segments(str(directory))[-1]
    os.truncate(path, Path(path).stat().st_size - lost)
    assert bounds(str(directory)) == (1, 2)
    journal = Journal(str(directory))
    assert journal.seq == 2
    journal.append([payload(4)])
    assert seqs(directory) == [1, 2, 3]
    assert records.decode(Path(path).read_bytes().splitlines()[-1]) is not None


@pytest.mark.parametrize("damage", [b"\0" * 40, b"4 17 00000000 {}\n", b"\xff\xfe\n\n", b"9 1 "])
def test_garbage_after_the_last_record_is_cut(directory: Path, damage: bytes) -> None:
    journal = Journal(str(directory))
    journal.append([payload(1), payload(2), payload(3)])
    journal.close()
    with open(segments(str(directory))[-1], "ab") as file:
        file.write(damage)
    assert Journal(str(directory)).seq == 3
    assert seqs(directory) == [1, 2, 3]


def test_flipped_bit_is_not_believed(directory: Path) -> None:
    journal = Journal(str(directory))
    journal.append([payload(1), payload(2), payload(3)])
    journal.close()
    path = Path(segments(str(directory))[-1])
    path.write_bytes(path.read_bytes().replace(b'"2 x', b'"2 y'))
    assert Journal(str(directory)).seq == 1


def test_record_longer_than_every_buffer(directory: Path) -> None:
    journal = Journal(str(directory))
    journal.append([payload(1)])
    journal.append([payload(2, 3_000_000)])
    assert bounds(str(directory)) == (1, 2)
    assert len(last_payload(str(directory))) > 3_000_000
    journal.append([payload(3)])
    for after, wanted in ((0, 1), (1, 2), (2, 3)):
        found = seek(str(directory), after)
        assert found is not None
        with open(found[0], "rb") as file:
            file.seek(found[1])
            assert int(file.read(2)) == wanted


def test_full_disk_loses_nothing(full_disk: Path) -> None:
    directory = full_disk / "journal"
    journal = Journal(str(directory))
    number = 0
    while journal.append([payload(number + 1)]):
        number += 1
    assert journal.full is not None
    for _ in range(5):
        assert not journal.append([payload(journal.seq + 1)])
    subprocess.run(["mount", "-o", "remount,size=1m", full_disk], check=True)
    assert journal.flush()
    assert journal.full is None
    assert journal.append([payload(journal.seq + 1)])
    assert seqs(directory) == list(range(1, journal.seq + 1))
    for line in b"".join(Path(p).read_bytes() for p in segments(str(directory))).splitlines():
        assert records.decode(line) is not None


def test_full_disk_refuses_or_keeps_whole(full_disk: Path) -> None:
    directory = full_disk / "journal"
    journal = Journal(str(directory))
    kept = 0
    with pytest.raises(CodecastError) as caught:
        while True:
            journal.append_or_refuse([payload(kept + 1, 10_000)])
            kept += 1
    assert caught.value.code == "disk_full"
    assert "No space left" in caught.value.message
    assert seqs(directory) == list(range(1, kept + 1)) and kept
    assert journal.seq == kept
    subprocess.run(["mount", "-o", "remount,size=1m", full_disk], check=True)
    journal.append_or_refuse([payload(kept + 1, 10_000)])
    assert seqs(directory) == list(range(1, kept + 2))


def test_full_disk_at_the_first_record(full_disk: Path) -> None:
    directory = full_disk / "journal"
    journal = Journal(str(directory))
    filler = full_disk / "filler"
    with open(filler, "wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(b"x" * 4096)
    assert not journal.append([payload(1), payload(2)])
    filler.unlink()
    assert journal.flush()
    assert journal.append([payload(3)])
    assert seqs(directory) == [1, 2, 3]
