"""Names of places and sources: one spelling of each, and none that look alike.

Two names that nobody can tell apart on paper are one place counted twice, or one source heard as
two witnesses. Marks that do not show are dropped, and letters are put into one Unicode form
(NFC). Names that still look alike, such as one with a Cyrillic letter for a Latin one, may be two
or one; they are refused, and the analyst says which.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache

from tollest.claims.problems import Problem, shown

# Control characters, and those that mark the direction of letters or where words may break; of
# these Persian and other scripts need two within words.
_JOINERS = "\u200c\u200d"
HALF = "half a character in it, as exports that are broken have"
"""What is wrong with a name that `is_broken`."""
_UNSEEN = ("Cc", "Cf", "Cs")
# Letters and marks without a shape: of Korean and Khmer, of Braille, choices of a glyph, and one
# that stands between others.
_SHAPELESS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
# Letters of one shape in lower case or in capitals, after the letter that stands for them.
_ALIKE = {
    "a": "\u0430\u03b1", "b": "\u0432\u03b2", "c": "\u0441\u03f2", "d": "\u0501",
    "e": "\u0435\u03b5", "h": "\u043d\u04bb\u03b7", "i": "\u0456\u03b9", "j": "\u0458\u03f3",
    "k": "\u043a\u03ba", "l": "\u04cf", "m": "\u043c\u03bc", "n": "\u03bd", "o": "\u043e\u03bf",
    "p": "\u0440\u03c1", "q": "\u051b", "s": "\u0455", "t": "\u0442\u03c4", "w": "\u051d",
    "x": "\u0445\u03c7", "y": "\u0443\u04af\u03c5", "z": "\u03b6",
    # Yeh, kaf, heh and digits of Arabic, Persian, Urdu and Kurdish.
    "\u06cc": "\u064a\u0649", "\u06a9": "\u0643\u06aa", "\u0647": "\u06c1\u06d5\u06be",
    "\u0660": "\u06f0", "\u0661": "\u06f1", "\u0662": "\u06f2", "\u0663": "\u06f3",
    "\u0667": "\u06f7", "\u0668": "\u06f8", "\u0669": "\u06f9",
    "-": "\u00ad\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u05be",
    "'": "\u2018\u2019\u201b\u2032\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u00b4`\ua78c",
    '"': "\u201c\u201d\u201e\u201f\u2033\u02ba",
    # Joiners, and what stretches a word.
    "": f"{_JOINERS}\u0640",
}  # fmt: skip
_STANDARD = {ord(letter): one for one, letters in _ALIKE.items() for letter in letters}


def is_seen(letter: str) -> bool:
    """Whether a character shows, or parts words, or joins letters."""
    if letter in _JOINERS or letter.isspace():
        return True
    return unicodedata.category(letter) not in _UNSEEN and not _SHAPELESS.match(letter)


def is_broken(name: str) -> bool:
    """Whether a name has half a character, of which no file can be made."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return True
    return False


def composed(name: str) -> str:
    """Give a name in the Unicode form in which equal letters are equal, without unseen marks.

    What joins letters counts between letters alone: a name of nothing else is blank.
    """
    if name.isascii() and name.isprintable():
        return name.strip()
    # Marks that do not show are not printable; a table can name a million.
    if not name.isprintable() or _SHAPELESS.search(name):
        name = "".join(letter for letter in name if is_seen(letter))
    normal = unicodedata.normalize("NFC", name).strip()
    while normal != (normal := normal.strip(_JOINERS).strip()):
        pass
    return normal


def all_differ(names: Sequence[str]) -> bool:
    """Tell whether no two names are the same or look alike.

    May be false where they do differ, never true where they do not. The names are as `composed`
    gives them.
    """
    # All in one text is several times faster. NUL is no white space; in a name it adds a part.
    together = _plainly("\0".join(names)).replace(" \0", "\0").replace("\0 ", "\0")
    plain = together.split("\0")
    return len(plain) == len(names) == len(set(plain))


def variants(column: str, names: Iterable[str]) -> list[Problem]:
    """Name all names that look like an earlier one."""
    first: dict[str, str] = {}
    pairs = [(first.setdefault(_plainly(name), name), name) for name in names]
    return [
        Problem(
            f"{shown(one)} and {shown(other)}, each a name of {column}, "
            f"{_difference(one, other)}; give one spelling, or rename one."
        )
        for one, other in pairs
        if one != other
    ]


def _difference(one: str, other: str) -> str:
    """Say by what two names differ that look alike."""
    if _evened(one) == _evened(other):
        return "differ only by case, white space or the width of letters"
    marks = sorted(mark for mark in set(one) ^ set(other) if not mark.isascii())
    called = " and ".join(
        f"U+{ord(mark):04X} ({unicodedata.name(mark, 'without a name').lower()})"
        for mark in marks[:2]
    )
    return f"look alike, but one has {called}" if called else "look alike"


def _plainly(name: str) -> str:
    """Give what names that look alike have in common."""
    if name.isascii():
        return _evened(name).replace("`", "'")
    return " ".join(_decomposed(name).translate(_shapes()).split())


@cache
def _shapes() -> list[int | str]:
    """Give what stands for each letter; a list, in which looking up is fast for most letters."""
    return [_STANDARD.get(letter, letter) for letter in range(2**16)]


def _decomposed(name: str) -> str:
    """Give a name in lower case, letters apart from their marks, none wide or narrow."""
    # An acute accent by itself would become a blank.
    apart = unicodedata.normalize("NFKD", name.replace("\u00b4", "'")).casefold()
    # Few letters come apart again in lower case.
    return unicodedata.normalize("NFKD", apart)


def _evened(name: str) -> str:
    """Give a name in lower case and one width, with single blanks."""
    if not name.isascii():
        name = unicodedata.normalize("NFKC", name)
    return " ".join(name.split()).casefold()
