"""How scale is measured: each case in a process of its own, its result kept with when and where.

Run as ``python -m benchmarks.measuring MODULE:FUNCTION ARGUMENTS RESULT`` by `fresh`, which calls
a function in a new process and hands on the dictionary that it returns.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from datetime import date
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from benchmarks.common import processor

ROOT = Path(__file__).parents[1]
VERSIONS = ("numpy", "numba", "pymc")
_SHARE = 0.9  # of the memory free at the start, beyond which a case is given up


def circumstances() -> str:
    """Say where results come from: day, processor, memory and versions."""
    versions = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{date.today()}, {processor()}, {memory:.0f} GiB of memory, {versions}"


def peak_mib() -> float:
    """Give the most memory that this process has held.

    The kernel's own mark where there is one: that of getrusage starts from the parent's.
    """
    status = Path("/proc/self/status")
    marks = status.read_text().splitlines() if status.exists() else []
    for line in marks:
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 1024)


def fresh(function: str, limit: float | None = None, **arguments: object) -> dict[str, object]:
    """Call a function in a process of its own; ``{"failed": why}`` where it has no result.

    Parameters
    ----------
    function : str
        As ``"module:function"`` of this folder; it returns what JSON can hold. By name, so that
        what asks loads nothing of what is measured.
    limit : float, optional
        Seconds after which it is stopped.
    **arguments
        Of JSON's types.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        command = [sys.executable, "-m", "benchmarks.measuring", function, json.dumps(arguments)]
        try:
            run = subprocess.run([*command, str(path)], cwd=ROOT, timeout=limit, check=False)
        except subprocess.TimeoutExpired:
            return {"failed": f"stopped after {limit:,.0f} s"}
        if not path.exists():
            return {"failed": f"ended with code {run.returncode}"}
        return json.loads(path.read_text())


class Store:
    """Results of one section in a JSON file, each with its circumstances."""

    def __init__(self, path: Path) -> None:
        """Read what there is."""
        self._path = path
        self._entries = json.loads(path.read_text()) if path.exists() else {}

    def __contains__(self, name: str) -> bool:
        """Whether there is a result of this name, a failure not being one."""
        return name in self._entries and "failed" not in self._entries[name]["result"]

    def put(self, name: str, result: dict[str, object]) -> None:
        """Keep a result, in place of an earlier one."""
        self._entries[name] = {"circumstances": circumstances(), "result": result}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(self._entries, indent=1))
        line = f"{name}: {json.dumps(result)[:400]}"
        print(line, flush=True)  # noqa: T201 - the output is the point

    def found(self, prefix: str) -> dict[str, dict[str, object]]:
        """Results that begin with a prefix, in the order in which they were first kept."""
        return {k: e["result"] for k, e in self._entries.items() if k.startswith(prefix)}

    def origin(self) -> list[str]:
        """Lines that say when and where results were measured."""
        places = dict.fromkeys(entry["circumstances"] for entry in self._entries.values())
        return ["Measured " + "; and ".join(places) + ".", ""] if places else []


def _capped() -> None:
    """Let allocations fail before the system stops processes, this one or another."""
    info = Path("/proc/meminfo")
    lines = info.read_text().splitlines() if info.exists() else []
    for line in lines:
        if line.startswith("MemAvailable"):
            free = int(_SHARE * 1024 * int(line.split()[1]))
            resource.setrlimit(resource.RLIMIT_DATA, (free, free))


def main() -> None:
    """Call one function and write what it returns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("function")
    parser.add_argument("arguments", type=json.loads)
    parser.add_argument("result", type=Path)
    told = parser.parse_args()
    module, _, name = told.function.partition(":")
    _capped()
    try:
        result = getattr(import_module(f"benchmarks.{module}"), name)(**told.arguments)
    except MemoryError:
        result = {"failed": f"out of memory, {peak_mib():,.0f} MiB held"}
    told.result.write_text(json.dumps(result))


if __name__ == "__main__":
    main()
