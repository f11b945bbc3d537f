"""Write a file over and over, and be killed: ``python -m tests.killed KIND FOLDER TIMES``.

Prints how often the file was written by those that were killed, and fails at the first that is not
whole. A process of its own, since it forks, which one with threads should not.
"""

import mmap
import os
import signal
import struct
import sys
import time
from pathlib import Path

import numpy as np
from pyarrow import parquet

import tollest as te
from tests.conftest import claims_of, guessed

LONGEST = 0.25  # seconds until a kill


def estimates():
    """Two estimates that differ in what is said of them."""
    rows = [("Arden", "press", "count", 9), ("Arden", "clinic", "count", 14)]
    more = [(f"village {i}", "press", "count", i) for i in range(20)]
    return guessed(claims_of(rows)), guessed(claims_of([*rows, *more]))


def names_of_archive(path):
    return te.Estimate.load(path).claims.locations


def names_of_totals(path):
    import xarray as xr

    with xr.open_datatree(path, engine="h5netcdf") as tree:
        return int(sum(values.sum() for values in tree["posterior"].data_vars.values()))


def names_of_parquet(path):
    return tuple(parquet.read_table(path).column(0).to_pylist())


def text_of_page(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>"), text[:40]
    assert text.endswith("</html>\n"), text[-40:]
    return "village 19" in text


# How each kind of file is written, read, and called.
KINDS = {
    "archive": (lambda e, path: e.save(path), names_of_archive, "a.nc"),
    "totals": (lambda e, path: e.total().save(path), names_of_totals, "a.nc"),
    "parquet": (lambda e, path: e.to_parquet(path), names_of_parquet, "a.parquet"),
    "table": (lambda e, path: te.report.table(e).parquet(path), names_of_parquet, "a.parquet"),
    "csv": (lambda e, path: te.report.table(e).csv(path),
            lambda path: tuple(te.report.read_csv(path)["name"]), "a.csv"),
    "page": (te.report.page, text_of_page, "a.html"),
}  # fmt: skip


def write_on(write, both, path, written):
    """Write one of two files after the other until the process is killed."""
    for n in range(1, 1_000_000):
        write(both[n % 2], path)
        written[:8] = struct.pack("q", n)


def main(kind, folder, times):
    write, read, name = KINDS[kind]
    both, path, rng = estimates(), Path(folder) / name, np.random.default_rng(1)
    whole = []
    for one in both:
        write(one, path)
        whole.append(read(path))
    assert whole[0] != whole[1]
    written, total = mmap.mmap(-1, 8), 0
    longest = LONGEST
    for _ in range(times):
        written[:8] = bytes(8)
        child = os.fork()
        if not child:
            write_on(write, both, path, written)
        time.sleep(rng.uniform(0.0, longest))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        n = struct.unpack("q", written[:8])[0]
        total += n
        # Some are to end before their first file, others within a later one.
        longest = longest if n else min(2 * longest, 20.0)
        assert read(path) in whole, f"{kind}: {path} is none of the two"
    sys.stdout.write(f"{total}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
