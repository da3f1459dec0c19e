import os
import stat
from pathlib import Path

import pytest

from schedproof_gate.deployment.text_file import MAX_FILE_BYTES, read_text
from schedproof_gate.errors import InputError


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def refused(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        read_text(path)
    return caught.value


def test_text_is_returned_without_byte_order_mark_and_carriage_returns(tmp_path: Path) -> None:
    assert read_text(write(tmp_path / "a.yaml", b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")) == "a: 1\nb: 2\n"


@pytest.mark.parametrize(
    ("content", "problem", "line"),
    [
        (b"", "the file is empty", None),
        (b" \n\t\n", "the file is empty", None),
        (b"a: 1\nb: \xff\n", "the file is not UTF-8 text", 2),
        (b"a: 1\n\nb: \0\n", "the file has a NUL byte", 3),
        (b"\xff\xfea\0:\0", "the file is not UTF-8 text", 1),
    ],
)
def test_content_that_is_no_text_is_named_with_its_line(
    tmp_path: Path, content: bytes, problem: str, line: int | None
) -> None:
    error = refused(write(tmp_path / "deployment.yaml", content))
    assert (error.problem, error.line) == (problem, line)


def test_the_size_limit_is_exact(tmp_path: Path) -> None:
    assert len(read_text(write(tmp_path / "fits.txt", b"#" * MAX_FILE_BYTES))) == MAX_FILE_BYTES
    error = refused(write(tmp_path / "large.txt", b"#" * (MAX_FILE_BYTES + 1)))
    assert error.problem == f"the file is larger than {MAX_FILE_BYTES} bytes"


def test_a_path_that_is_no_readable_file_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "absent.yaml").problem == "no such file"
    assert refused(tmp_path).problem == "is a directory"
    assert "cannot be read" in refused(tmp_path / ("x" * 5000)).problem
    assert "cannot be read" in refused(Path("a\0b")).problem


def test_a_pipe_without_a_writer_does_not_block(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert refused(pipe).problem == "is not a regular file"


def test_the_message_is_one_line_with_place_key_problem_and_advice() -> None:
    error = InputError("is wrong", source="a\nb.yaml", line=3, key="max_num_seqs\x1b", advice="correct it")
    assert str(error) == "a\\nb.yaml:3: max_num_seqs\\x1b: is wrong; correct it"
