"""Names as text in each format: nothing in a name is read as markup, a command or a formula."""

import re
import unicodedata

PREAMBLE = (
    "Preamble: \\usepackage{booktabs}, and \\usepackage{longtable} for more than 40 rows. With "
    "pdfLaTeX also \\usepackage[T1]{fontenc}; letters that are not Latin are shown as their code "
    "points. With LuaLaTeX or XeLaTeX choose by \\usepackage{fontspec} and \\setmainfont a font "
    "that has the letters, and load babel with bidi=basic for names from right to left."
)

# In these a spreadsheet takes text for a formula, after blanks too, the wide forms included.
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")

_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "_": r"\_", "%": r"\%", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}", "[": "{[}", "]": "{]}", "*": "{*}", "\u00a0": "~",
    "\u2026": r"\dots{}",
}  # fmt: skip
_LIGATURES = re.compile(r"(?<=[-,'])(?=[-,'])")

# What pdfLaTeX knows of itself with fonts in the T1 encoding, from U+00A1 to U+017F and beyond.
_UNKNOWN = frozenset("\u00ad\u0126\u0127\u0138\u013f\u0140\u0149\u0166\u0167\u017f")
_KNOWN = frozenset("\u2013\u2014\u2018\u2019\u201a\u201c\u201d\u201e\u2022")
_TOGETHER = r"\providecommand{\tollestname}[2]{\ifdefined\Umathchar#1\else#2\fi}"


def markdown(text: str) -> str:
    """Escape a label for a cell of a table in Markdown."""
    escaped = re.sub(r"([\\`*_{}\[\]<>#|~&$@^]|:(?=\S))", r"\\\1", text)
    return re.sub(r"\b(www)\.", r"\1\\.", escaped, flags=re.IGNORECASE)


def latex(text: str) -> str:
    r"""Escape a label for LaTeX.

    Runs of characters that pdfLaTeX cannot set stand in ``\tollestname``, which other engines
    read as the characters and pdfLaTeX as their code points.
    """
    out, run = [], ""
    for character in unicodedata.normalize("NFC", text):
        if _is_settable(character) and not (run and character == " "):
            out.append(_wrapped(run))
            run = ""
            out.append(_LATEX.get(character, character))
        elif _is_settable(character):
            run += character  # a blank within a run, which keeps its words in order
        else:
            run += character
    return _LIGATURES.sub("{}", "".join([*out, _wrapped(run)]))


def latex_preamble(rows: list[str]) -> list[str]:
    r"""Lines that come before a table whose cells use ``\tollestname``; none where none does."""
    return [_TOGETHER] if any(r"\tollestname" in row for row in rows) else []


def csv(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would take for a formula.

    So it is before text that begins, after blanks, with ``=``, ``+``, ``-``, ``@`` or one of
    their wide forms, or that begins with a tab, a line break or an apostrophe. `csv_read` takes it
    away again, from every text that begins with one.
    """
    is_formula = bool(text) and (text[0] in "'\t\r\n" or text.lstrip()[:1] in _FORMULA)
    return f"'{text}" if is_formula else text


def csv_read(text: str) -> str:
    """Undo `csv`."""
    return text.removeprefix("'")


def _is_settable(character: str) -> bool:
    if " " <= character <= "~":
        return True
    latin = "\u00a0" <= character <= "\u017f" and character not in _UNKNOWN
    return latin or character in _KNOWN or character == "\u2026"


def _wrapped(run: str) -> str:
    if not run:
        return ""
    words = run.rstrip(" ")
    points = ".".join(f"{ord(c):04X}" for c in words if c != " ")
    return rf"\tollestname{{{words}}}{{[U+{points}]}}" + " " * (len(run) - len(words))
