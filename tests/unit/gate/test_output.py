import os
from pathlib import Path

import pytest

from schedproof_gate.errors import InputError
from schedproof_gate.report.output import emit, write_atomically


def test_a_file_is_written_whole_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    path.write_text("before")
    path.chmod(0o640)
    emit("\x1b[31mafter ✓\x1b[0m\n", path)
    assert path.read_text(encoding="utf-8") == "after ✓\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    directory = tmp_path / "taken"
    directory.mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        write_atomically(directory, "text")
    with pytest.raises(InputError, match="No such file or directory"):
        write_atomically(tmp_path / "absent" / "report.txt", "text")
    assert list(tmp_path.iterdir()) == [directory]
    assert list(directory.iterdir()) == []


def test_a_device_is_written_to_and_stays_one(tmp_path: Path) -> None:
    link = tmp_path / "null"
    link.symlink_to(os.devnull)
    write_atomically(link, "text")
    assert link.is_symlink()
    assert not Path(os.devnull).is_file()


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_atomically(pipe, "text")
        assert os.read(reader, 100) == b"text"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_a_link_stays_and_the_file_behind_it_is_replaced(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("old")
    link.symlink_to(file)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert file.read_text() == "new"
