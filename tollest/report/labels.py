"""Names as they are printed: on one line, of bounded length, distinct, and as text alone."""

import unicodedata
from collections.abc import Sequence

_WIDEST = 80  # characters
_MOST_MARKS = 4  # combining marks on one letter that are printed

# What turns the direction of all that follows, in Unicode's bidirectional algorithm.
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INVISIBLE = ("Cc", "Cs", "Co", "Cn")


def label(name: str) -> str:
    """Put a name on one line, cut where it is longer than 80 characters.

    White space of any kind becomes one blank. Control characters, lone surrogates and marks that
    turn the direction of what follows become "�", and of many combining marks on one letter the
    first four stay.
    """
    out: list[str] = []
    marks = 0
    # What is not shown need not be read, but for marks and blanks that are left out.
    for character in " ".join(name[: 40 * _WIDEST].split()):
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks > _MOST_MARKS:
            continue
        hidden = character in _TURNS or category in _INVISIBLE
        out.append("\ufffd" if hidden else character)
    if len(out) <= _WIDEST:
        return "".join(out)
    cut = _WIDEST - 1
    while cut > 1 and unicodedata.category(out[cut]) in ("Mn", "Mc", "Me", "Cf"):
        cut -= 1  # no letter without its marks
    return "".join(out[:cut]) + "…"


def labels(names: Sequence[str]) -> list[str]:
    """Label every name, and number those that look the same, in the order of `names`."""
    short = [label(str(name)) for name in names]
    count: dict[str, int] = {}
    for text in short:
        count[text] = count.get(text, 0) + 1
    seen: dict[str, int] = {}
    out = []
    for text in short:
        seen[text] = seen.get(text, 0) + 1
        out.append(f"{text} ({seen[text]})" if count[text] > 1 else text)
    return out


def isolated(text: str) -> str:
    """Keep text written from right to left from turning the numbers beside it.

    Such text is put between Unicode's FIRST STRONG ISOLATE and POP DIRECTIONAL ISOLATE; other
    text stays as it is.
    """
    turned = any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in text)
    return f"\u2068{text}\u2069" if turned else text


def width(text: str) -> int:
    """Columns that text takes in a terminal: 0 for combining marks, 2 for wide characters."""
    return sum(
        0
        if unicodedata.category(c) in ("Mn", "Me", "Cf")
        else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )
