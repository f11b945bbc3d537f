"""Files are written whole or not at all, whenever the process ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.killed import KINDS
from tollest._files import replacing


def test_a_file_stands_until_a_whole_one_takes_its_place(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail():
        with replacing(path) as partial:
            partial.write_text("half of a n")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        fail()

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with replacing(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
@pytest.mark.grid
@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_at_any_moment_leaves_a_whole_file(tmp_path, kind):
    run = subprocess.run(
        [sys.executable, "-m", "tests.killed", kind, str(tmp_path), "50"],
        cwd=Path(__file__).parents[1], capture_output=True, text=True,
    )  # fmt: skip

    assert run.returncode == 0, run.stderr
    assert int(run.stdout.split()[-1]) > 0
