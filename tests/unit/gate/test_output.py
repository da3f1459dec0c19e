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
