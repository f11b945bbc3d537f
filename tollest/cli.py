"""The command line: what a file of claims says, and what tolls follow from it."""

import warnings
from collections.abc import Callable
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from tollest import readers, report
from tollest.claims.table import Claims
from tollest.estimation import archive
from tollest.estimation.masses import check_interval
from tollest.estimation.results import DoubtfulEstimate, estimate

UNUSABLE, DOUBTFUL = 1, 3

app = typer.Typer(
    name="tollest",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="How many people died, when the sources disagree.",
    epilog="Exit status: 0 done, 1 claims or files that cannot be used, 2 a wrong command line, "
    "3 done, but the computation is not good enough to be relied on.",
)


class FileLayout(StrEnum):
    """Layouts of files that claims are read from."""

    CLAIMS = "claims"
    UCDP_GED = "ucdp-ged"
    UCDP_YEARLY = "ucdp-yearly"
    ACLED = "acled"
    IRAQ_BODY_COUNT = "iraq-body-count"
    AIRWARS = "airwars"
    GLOBAL_TERRORISM_DATABASE = "global-terrorism-database"
    GUN_VIOLENCE_ARCHIVE = "gun-violence-archive"
    IOM_MISSING_MIGRANTS = "iom-missing-migrants"
    TECH_FOR_PALESTINE = "tech-for-palestine"
    EM_DAT = "em-dat"
    NOAA_EARTHQUAKES = "noaa-earthquakes"
    WIKIDATA = "wikidata"

    def read(self, path: Path, encoding: str, sheet: str | None, complete: list[str]) -> Claims:
        """Read a file of this layout, whole or not at all."""
        if self is FileLayout.CLAIMS:
            return Claims.read(path, encoding=encoding, sheet=sheet, complete=complete)
        # Each other one is called as its reader is.
        reader: Callable[..., Claims] = getattr(readers, self.name.lower())
        return reader(path, encoding=encoding, sheet=sheet)


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"tollest {metadata.version('tollest')}")
        raise typer.Exit


@app.callback()
def main(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_say_version, help="Say which it is."),
    ] = False,
) -> None:
    """How many people died, when the sources disagree."""


File = Annotated[
    Path,
    typer.Argument(metavar="CLAIMS", help="A CSV, Parquet, Excel or JSON file: a row a claim."),
]
AsOf = Annotated[
    str | None, typer.Option(metavar="DAY", help="Only what was claimed by then: 2025-03-12.")
]
Kind = Annotated[FileLayout, typer.Option(help="How the file is laid out.")]
Encoding = Annotated[str, typer.Option(help="That of a file of text, such as cp1252.")]
SheetName = Annotated[
    str | None, typer.Option("--sheet", metavar="SHEET", help="Which one of an Excel workbook.")
]
Complete = Annotated[
    list[str] | None,
    typer.Option(metavar="WHOLE", help="A location whose parts are all there are; repeatable."),
]


def _claims(
    path: Path,
    layout: FileLayout,
    encoding: str,
    sheet: str | None,
    as_of: str | None,
    complete: list[str] | None,
) -> Claims:
    """Read the claims, or say what is wrong with them and leave."""
    if complete and layout is not FileLayout.CLAIMS:
        raise typer.BadParameter(
            f"--complete is for files of claims; {layout.value} has no wholes."
        )
    try:
        claims = layout.read(path, encoding, sheet, complete or [])
        return claims if as_of is None else claims.as_of(as_of)
    except (ValueError, TypeError, OSError) as error:
        raise _leave(error) from None


def _leave(error: Exception) -> typer.Exit:
    typer.echo(f"tollest: {error}", err=True)
    return typer.Exit(UNUSABLE)


@app.command(epilog="Example: tollest check claims.csv --as-of 2025-03-12")
def check(
    path: File,
    as_of: AsOf = None,
    layout: Kind = FileLayout.CLAIMS,
    encoding: Encoding = "utf-8",
    sheet: SheetName = None,
    complete: Complete = None,
) -> None:
    """Say what would be read from a file, what is set aside and why, and what is wrong."""
    claims = _claims(path, layout, encoding, sheet, as_of, complete)
    typer.echo(repr(claims))
    excluded = claims.excluded
    if len(excluded):
        typer.echo("\nSet aside:")
        typer.echo(excluded.to_string())


@app.command(
    "estimate",
    epilog="Example: tollest estimate claims.csv --as-of 2025-03-12 --rng 1 --out report.html",
)
def estimate_command(  # noqa: PLR0913 - each argument is an option of the command
    path: File,
    as_of: AsOf = None,
    layout: Kind = FileLayout.CLAIMS,
    encoding: Encoding = "utf-8",
    sheet: SheetName = None,
    complete: Complete = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report, a page: .html.")
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the table of tolls: .csv or .parquet."),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the whole estimate: .nc.")
    ] = None,
    ci_prob: Annotated[float, typer.Option(help="Probability inside the intervals.")] = 0.9,
    ci_kind: Annotated[str, typer.Option(help="eti (equal tails) or hdi (shortest).")] = "eti",
    rng: Annotated[int | None, typer.Option(help="Seed; the same one, the same answer.")] = None,
    total: Annotated[
        bool,
        typer.Option(
            help="Add tolls up; not where they overlap otherwise than as wholes and parts."
        ),
    ] = True,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Estimate every toll, print sentence and table, and write what is asked for."""
    _check_endings(out, table)
    claims = _claims(path, layout, encoding, sheet, as_of, complete)
    try:
        check_interval(ci_prob, ci_kind)
        _check_paths(out, table, save)
    except (ValueError, OSError) as error:
        raise _leave(error) from None
    with warnings.catch_warnings():
        # The answer's own text says so already.
        warnings.simplefilter("ignore", DoubtfulEstimate)
        try:
            answer = estimate(claims, rng=rng, progress=not quiet)
            if total or claims.n_locations == 1:
                typer.echo(report.sentence(answer, ci_prob=ci_prob, ci_kind=ci_kind) + "\n")
            tolls = report.table(answer, ci_prob, ci_kind, total=total)
            typer.echo(tolls.text())
            if table is not None:
                (tolls.csv if table.suffix == ".csv" else tolls.parquet)(table)
            if out is not None:
                report.page(answer, out, ci_prob=ci_prob, ci_kind=ci_kind, total=total)
            if save is not None:
                answer.save(save)
        except (ValueError, OSError) as error:
            raise _leave(error) from None
    if answer.doubts:
        raise typer.Exit(DOUBTFUL)


def _check_endings(out: Path | None, table: Path | None) -> None:
    """Refuse names of files in formats that are not written."""
    if table is not None and table.suffix not in {".csv", ".parquet"}:
        raise typer.BadParameter(f"{table} ends in neither .csv nor .parquet.")
    if out is not None and out.suffix != ".html":
        raise typer.BadParameter(f"{out} does not end in .html.")


def _check_paths(out: Path | None, table: Path | None, save: Path | None) -> None:
    """Refuse paths that cannot be written, before minutes are spent on an answer."""
    for file, ending in ((out, ".html"), (table, table.suffix if table else ""), (save, ".nc")):
        if file is not None:
            archive.check_path(file, ending)
