"""What estimates cost as problems grow, and beside what one would use instead.

Run as ``uv run python -m benchmarks.scale``. Sections are ``floor`` (a gradient beside the least
it could cost), ``growth`` (time and memory from a file to a file), ``cluster`` (workers with
little memory), ``nested`` (a gradient of wholes and parts) and ``rivals`` (PyMC models and methods
without a sampler, on the same claims); ``--sections`` chooses among them, and ``--only`` among
their cases, by the beginnings of their names. Results are kept in ``scale_store`` as they come and
the page ``benchmarks/README.md`` is written anew after each section; ``--missing`` measures only
what is not kept yet. ``--quick`` is a smoke run of small cases, with a page and a store of its own
in ``benchmarks/quick``.
"""

import argparse
import os
from pathlib import Path

from benchmarks import cluster, floor, growth, nested, rivals
from benchmarks.measuring import Store, circumstances

SECTIONS = {
    "floor": floor, "growth": growth, "cluster": cluster, "nested": nested, "rivals": rivals
}  # fmt: skip
FOLDER = Path(__file__).parent
PAGES = {
    "engine_grid.md": "method, reliability and time of the default engine over sizes and seeds",
    "engine_agreement.md": "whether engines agree, in Monte Carlo errors",
    "calibration.md": "coverage and ranks under the model",
    "misspecification.md": "coverage where assumptions fail",
    "bounds.md": "what bounds, denials and levels say, and what bounds cost",
    "anchors.md": "tolls of one half known, intervals of the other",
    "early_reports.md": "numbers of the first days against tolls settled later, beside rules",
}


class Options(argparse.Namespace):
    """What was asked for."""

    def wants(self, store: Store, name: str) -> bool:
        """Whether to measure a case."""
        chosen = not self.only or any(name.startswith(start) for start in self.only.split(","))
        return chosen and not (self.missing and name in store)


def parsed() -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sections", default=",".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="small cases, in benchmarks/quick")
    parser.add_argument("--only", default="", help="cases, as sources,support.0.01")
    parser.add_argument("--missing", action="store_true", help="only what is not kept yet")
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds a case")
    parser.add_argument(
        "--ged", type=Path, default=os.environ.get("TOLLEST_GED"),
        help="file of UCDP GED, which te.readers reads; by default $TOLLEST_GED",
    )  # fmt: skip
    parser.add_argument("--chains", type=int, default=2, help="of PyMC's models")
    parser.add_argument("--textbook-draws", type=int, default=200)
    parser.add_argument("--textbook-tune", type=int, default=200)
    parser.add_argument("--first-draws", type=int, default=500)
    parser.add_argument("--first-tune", type=int, default=500)
    parser.add_argument("--reference-draws", type=int, default=4000)
    return parser.parse_args(namespace=Options())


def written(folder: Path, stores: dict[str, Store], options: Options) -> None:
    """Write the page from all that is kept."""
    others = [
        f"* [{name}]({name}): {what}." for name, what in PAGES.items() if (folder / name).exists()
    ]
    lines = [
        "# Time, memory and rivals", "",
        f"Printed by `python -m benchmarks.scale`, {circumstances()}.", "",
        *(["Beside this page:", "", *others, ""] if others else []),
    ]  # fmt: skip
    for name, section in SECTIONS.items():
        lines += section.page(stores[name], options)
    (folder / "README.md").write_text("\n".join(lines).rstrip() + "\n")


def main() -> None:
    """Measure the sections and write the page."""
    options = parsed()
    unknown = set(options.sections.split(",")) - set(SECTIONS)
    if unknown:
        raise SystemExit(f"There is no section {', '.join(sorted(unknown))}.")
    options.folder = FOLDER / "quick" if options.quick else FOLDER
    stores = {name: Store(options.folder / "scale_store" / f"{name}.json") for name in SECTIONS}
    options.folder.mkdir(exist_ok=True)
    for name in options.sections.split(","):
        SECTIONS[name].measure(stores[name], options)
        written(options.folder, stores, options)


if __name__ == "__main__":
    main()
