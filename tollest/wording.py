"""What sources say in words: "at least 10", "dozens", "5-21", "about 1,400".

Wordings are read as whole-number intervals. Plain numbers mean themselves; how many "dozens" or
"several" are is a convention, kept in the table `WORDS`, which can be replaced or extended.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

UNBOUNDED = 2**63 - 1
"""An upper bound of infinity: the largest 64-bit whole number."""

LARGEST = 10_000_000_000
"""No toll is as large: more than all people alive."""


# Plurals start at two of their unit and end below one of the next; the small words follow common
# use and are the ones that a study should look at first.
_INTERVALS = {
    "couple": (2, 3),
    "few": (3, 9),
    "handful": (3, 9),
    "several": (3, 9),
    "tens": (20, 99),
    "dozens": (24, 99),
    "scores": (40, 199),
    "hundreds": (200, 999),
    "thousands": (2_000, 9_999),
    "tens of thousands": (20_000, 99_999),
    "hundreds of thousands": (200_000, 999_999),
    "millions": (2_000_000, 9_999_999),
}
# Nouns for some of the dead: "no civilians killed" leaves the others open.
_SOME = frozenset((
    "adult", "adults", "boy", "boys", "child", "children", "civilian", "civilians", "crew",
    "female", "females", "fighter", "fighters", "firefighter", "firefighters", "girl", "girls",
    "inhabitants", "male", "males", "man", "members", "men", "militants", "officers",
    "passengers", "police", "residents", "sailor", "sailors", "soldier", "soldiers", "troops",
    "villager", "villagers", "woman", "women", "workers",
))  # fmt: skip
_NOUNS = _SOME | frozenset((
    "bodies", "body", "corpses", "dead", "death", "deaths", "died", "executed", "fatalities",
    "fatality", "individuals", "killed", "killings", "massacred", "murdered", "people",
    "person", "persons", "slain", "souls", "victim", "victims",
))  # fmt: skip
# What is said of some of the dead, and nothing of those of whom it is not said.
_KNOWN = frozenset(("confirmed", "reported"))
_VERBS = frozenset(("are", "been", "had", "has", "have", "is", "was", "were"))
# Words with no weight of their own beside the nouns.
_FILLERS = _KNOWN | _VERBS | frozenset(("of", "the", ":", "."))

_AT_LEAST, _MORE, _AT_MOST, _FEWER = "at least", "more than", "at most", "fewer than"
_ABOUT, _NEARLY, _EXACTLY, _DOCUMENTED = "about", "nearly", "exactly", "documented"
_PREFIXES = {
    tuple(phrase.split()): meaning
    for meaning, phrases in {
        _AT_LEAST: "at least|no fewer than|no less than|not fewer than|not less than|minimum"
        "|minimum of|a minimum of|at a minimum|upward of|upwards of|> =|≥|≧",
        _MORE: "more than|over|just over|well over|above|exceeding|in excess of|>",
        _AT_MOST: "at most|no more than|not more than|not over|up to|as many as|maximum"
        "|maximum of|a maximum of|at a maximum|< =|≤|≦",
        _FEWER: "fewer than|less than|under|below|<",
        _ABOUT: "about|approximately|approx|around|roughly|some|circa|ca|c|~|\u223c|≈|est"
        "|estimated|an estimated|in the region of",
        _NEARLY: "nearly|almost|close to|just under|not quite",
        _EXACTLY: "exactly|precisely",
        _DOCUMENTED: "documented",
    }.items()
    for phrase in phrases.split("|")
}
_SUFFIXES = {
    tuple(phrase.split()): meaning
    for meaning, phrases in {
        _AT_LEAST: "or more|or over|and more|and counting|at least|at a minimum|plus|+",
        _AT_MOST: "or fewer|or less|or under|at most|at a maximum",
        _ABOUT: "or so|or thereabouts|approximately|approx|est|estimated|( est|( estimated"
        "|( estimate",
        _DOCUMENTED: "documented|by name|documented by name|identified by name|listed by name"
        "|verified by name",
    }.items()
    for phrase in phrases.split("|")
}
_LONGEST_AFFIX = max(len(phrase) for phrase in (*_PREFIXES, *_SUFFIXES))

_SMALL = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13,
    "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18,
    "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90,
}  # fmt: skip
_BELOW_HUNDRED = _SMALL | _TENS
_UNITS = {
    "dozen": 12, "hundred": 100, "thousand": 1_000, "k": 1_000, "million": 1_000_000,
    "billion": 1_000_000_000,
}  # fmt: skip
_NOBODY = {("none",), ("nobody",), ("noone",), ("no", "one"), ("nil",)}
# "No casualties" leaves no dead; "20 casualties" would cover the living.
_UNHARMED = ["no", "casualties"]
# What says that a number is that of all.
_IN_ALL = (["in", "total"], ["total"], ["overall"], ["in", "all"], ["altogether"])
_PLURALS = {f"{unit}s": unit for unit in _UNITS if len(unit) > 1}
_ARTICLES = ("a", "an", "the")

# Hyphens, figure, en and em dashes, the horizontal bar and the minus sign.
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"))
_OPENING = "\"'\u2018\u201c\u201e "
_CLOSING = "\"'.,;\u2019\u201d "
_BRACKETS = {"(": ")", "[": "]"}
GROUPED = r"\d{1,3}(?:(?:,\d{3})+|(?: \d{3})+)|\d{1,2}(?:,\d{2})+,\d{3}"
"""Pattern of digits in groups of three, or of two before the last three as in South Asia.

One mark sets all groups of a number apart: "1 383,000" is no number. For texts out of `evened`.
"""
# Numbers, with a point before them if no letter stands there; words; and any other character by
# itself. Nothing in it can match in two ways, so that it runs in time proportional to the text.
_TOKEN = re.compile(rf"(?:{GROUPED})(?!\d)|\d+(?:\.\d+)?|(?<![^\W\d_])\.\d+|[^\W\d_]+|\S")
_WHITE = re.compile(r"\s+")
_MOST_TOKENS = 40
_MOST_DIGITS = 20  # marks between them included


def _tokens(text: str) -> list[str]:
    """Split a text into numbers, words and signs, in lower case."""
    return _TOKEN.findall(_unwrapped(evened(text).casefold().translate(_DASHES)))


def evened(text: str) -> str:
    """Write the marks between groups of digits in one way each.

    A blank of any width, such as a thin one, becomes a plain one, and the Arabic mark a comma.
    What parts lines or columns, such as the end of a line, a tab or several blanks, becomes two
    blanks: the numbers on both sides are two.
    """
    plain = _WHITE.sub(lambda white: " " if _is_blank(white[0]) else "  ", text.strip())
    return plain.replace("\u066c", ",")


def _is_blank(white: str) -> bool:
    """Tell whether white space is one blank within a line."""
    return len(white) == 1 and unicodedata.category(white) == "Zs"


def in_digits(text: str) -> int | None:
    """Read digits, or groups of digits as `GROUPED` has them.

    Returns
    -------
    int or None
        None where the first of several groups begins with 0: "0,123" is a share of one.
    """
    digits = re.sub("[, ]", "", text)
    return None if digits != text and int(digits[0]) == 0 else int(digits)


def _unwrapped(text: str) -> str:
    """Take quotation marks and stops off both ends, and brackets that belong to words.

    A number alone in brackets is a note's, or that of something else.
    """
    text = text.lstrip(_OPENING).rstrip(_CLOSING)
    closing = _BRACKETS.get(text[:1])
    if closing and text.endswith(closing) and any(letter.isalpha() for letter in text):
        return _unwrapped(text[1:-1])
    for opening, end in _BRACKETS.items():
        if text.endswith(end) and opening in text[1:]:
            return text[:-1].rstrip(_CLOSING)
    return text


def _phrase(tokens: list[str]) -> str:
    """Join words for look-up in a table."""
    start = next((i for i, token in enumerate(tokens) if token not in _ARTICLES), len(tokens))
    return " ".join(tokens[start:])


class Reading(NamedTuple):
    """What a wording allows.

    Attributes
    ----------
    kind : str
        ``"count"``, ``"range"``, ``"at_least"``, ``"at_most"``, ``"about"``, ``"verbal"`` or
        ``"documented"``.
    lower, upper : int
        Deaths, both ends included; `UNBOUNDED` for no upper bound.
    """

    kind: str
    lower: int
    upper: int


@dataclass(frozen=True)
class Words:
    """How many the words mean that are not numbers: a convention, not a truth.

    Parameters
    ----------
    intervals : mapping of str to (int, int)
        The least and the most deaths that a word or phrase allows, both included; `UNBOUNDED`
        for no upper bound. Case, and a leading "a", "an" or "the", do not matter.
    nouns : frozenset of str
        Words that may surround a number without changing it. None of them covers the living:
        "10 wounded" cannot be read.

    Raises
    ------
    ValueError
        An interval is not of whole numbers, lower first.

    Examples
    --------
    >>> parse("a great many", WORDS.extended({"great many": (50, 500)}))
    Reading(kind='verbal', lower=50, upper=500)
    """

    intervals: Mapping[str, tuple[int, int]] = field(default_factory=_INTERVALS.copy)
    nouns: frozenset[str] = _NOUNS

    def __post_init__(self) -> None:
        """Bring the words to the form in which they are looked up."""
        intervals = {}
        for word, (lower, upper) in self.intervals.items():
            if not (isinstance(lower, int) and isinstance(upper, int) and 0 <= lower <= upper):
                message = (
                    f"{word!r} allows ({lower!r}, {upper!r}); an interval is two whole numbers "
                    "of 0 or more, lower first"
                )
                raise ValueError(message)
            if not _phrase(_tokens(word)):
                message = f"{word!r} is no word that could be looked up"
                raise ValueError(message)
            intervals[_phrase(_tokens(word))] = (lower, upper)
        object.__setattr__(self, "intervals", intervals)
        object.__setattr__(self, "nouns", frozenset(noun.casefold() for noun in self.nouns))

    def extended(self, intervals: Mapping[str, tuple[int, int]]) -> "Words":
        """Give a table with further words, or with other meanings of the same words.

        Parameters
        ----------
        intervals : mapping of str to (int, int)
            As in the class.

        Returns
        -------
        Words
            New.
        """
        added = {_phrase(_tokens(word)) for word in intervals}
        kept = {word: old for word, old in self.intervals.items() if word not in added}
        return Words({**kept, **intervals}, self.nouns)


WORDS = Words()
"""The table that is used where no other is given."""


def parse(text: str, words: Words = WORDS) -> Reading:
    """Read a wording as an interval of whole numbers.

    Parameters
    ----------
    text : str
        Such as ``"at least 10"``, ``"more than a hundred people"``, ``"5-21"``,
        ``"about 1,400"``, ``"dozens"``, ``"twenty-one killed"``, ``"no one"``.
    words : Words, optional
        What the words mean that are not numbers.

    Returns
    -------
    Reading
        ``"more than 50"`` starts at 51, ``"fewer than 50"`` ends at 49. ``"about"`` allows half
        the last significant unit either way, 1,350 to 1,450 for 1,400, and so do numbers said in
        whole units: "a hundred", "two thousand", "two dozen" (18 to 30), "1.4 thousand".
        "No deaths" is 0, but "no civilians" cannot be read: others may have died. Nor can "two of
        the dead": that is of some of them.
        ``"nearly"`` allows as much below and nothing above.

    Raises
    ------
    ValueError
        The wording says something else, or more, than how many died.

    Examples
    --------
    >>> parse("more than a hundred")
    Reading(kind='at_least', lower=101, upper=9223372036854775807)
    >>> parse("between 2,300 and 2,400 civilians")
    Reading(kind='range', lower=2300, upper=2400)
    >>> parse("nearly 1,500")
    Reading(kind='about', lower=1450, upper=1500)
    """
    tokens = _tokens(text)
    reading = None
    if _phrase(tokens) in words.intervals:
        reading = Reading("verbal", *words.intervals[_phrase(tokens)])
    elif len(tokens) <= _MOST_TOKENS:
        reading = _read(tokens, words)
    if reading is None:
        said = repr(text if len(text) <= 60 else text[:60] + "…")
        message = (
            f"cannot read {said}; state a number, use lower and upper, or add the word to the "
            "table: words=..."
        )
        raise ValueError(message)
    return reading


class _Number(NamedTuple):
    """A number as it was said: its value, the unit it is rounded to, and how it was built."""

    value: int
    unit: int  # the last significant one: 100 for 1,400, 12 for two dozen
    rounded: bool  # said in whole units, such as "a hundred", "1.4 thousand", "two dozen"
    factor: Decimal | None  # that of the last unit: 3 for "3 million"; None where there is none


def _read(tokens: list[str], words: Words) -> Reading | None:
    """Read a wording that is not in the table as it stands."""
    if _is_of_some(tokens):
        return None
    bare = _without_nouns(tokens, words)
    if tuple(bare) in _NOBODY or bare == ["no"] or tokens == _UNHARMED:
        # "No confirmed deaths" says nothing of those that are not.
        all_of_them = bare != ["no"] or not words.nouns.isdisjoint(tokens)
        return Reading("count", 0, 0) if all_of_them and not _says_who(tokens) else None
    prefix, bare = _take(bare, _PREFIXES, from_end=False)
    suffix, bare = _take(_without_nouns(bare, words), _SUFFIXES, from_end=True)
    if {prefix, suffix} == {_AT_LEAST, _DOCUMENTED}:
        prefix = suffix = _DOCUMENTED
    if prefix and suffix and prefix != suffix:
        return None
    meaning = prefix or suffix
    bare = _without_nouns(bare, words)
    number = _number(bare)
    if number:
        reading = _of_number(number, meaning)
        # As of "no civilians", 0 of some says nothing of the others.
        is_none = reading is not None and reading.upper == 0
        return None if is_none and _says_who(tokens) else reading
    spanned = _range(bare) if suffix == _AT_LEAST and not prefix else None
    if spanned:
        # "50,000 to 100,000 and more" has no upper end.
        return Reading("at_least", spanned.lower, UNBOUNDED)
    return _of_table(bare, words, meaning) or (
        _range(bare) if meaning in (None, _ABOUT) else None
    )  # fmt: skip


def _is_of_some(tokens: list[str]) -> bool:
    """Tell whether a number is of some of the dead, or the text is cut off.

    As are "12 of the dead", "12 of the" and "12 were", of whom it is not said what they were.
    """
    for token, after in pairwise([*tokens, ""]):
        if token == "of" and after in ("the", ""):
            return True
        is_number = token[0].isdecimal() or token in _BELOW_HUNDRED or token == "none"
        if is_number and after == "of":
            return True
    return tokens[-1:] == ["the"] or not _VERBS.isdisjoint(tokens[-1:])


def _says_who(tokens: list[str]) -> bool:
    """Tell whether a text is of some of the dead by name, or of those that are known."""
    return not (_SOME.isdisjoint(tokens) and _KNOWN.isdisjoint(tokens))


def _of_table(bare: list[str], words: Words, meaning: str | None) -> Reading | None:
    """Read a word from the table, as it was qualified."""
    several = _several(bare, words)
    return _of_several(*several, meaning) if several else None


def _without_nouns(tokens: list[str], words: Words) -> list[str]:
    """Drop the nouns and what goes with them at both ends."""
    start, end = 0, len(tokens)
    while end > start and (tokens[end - 1] in words.nouns or tokens[end - 1] in _FILLERS):
        end -= 1
    while end > start and (tokens[start] in words.nouns or tokens[start] in _FILLERS):
        start += 1
    for total in (["a", "total", "of"], ["total", "of"]):
        if tokens[start : start + len(total)] == total:
            start += len(total)
    for total in _IN_ALL:
        if tokens[end - len(total) : end] == total and end - len(total) > start:
            return _without_nouns(tokens[start : end - len(total)], words)
    return tokens[start:end]


def _take(
    tokens: list[str], affixes: Mapping[tuple[str, ...], str], *, from_end: bool
) -> tuple[str | None, list[str]]:
    """Take the longest of some phrases off one end."""
    for n in range(min(_LONGEST_AFFIX, len(tokens)), 0, -1):
        taken, rest = (tokens[-n:], tokens[:-n]) if from_end else (tokens[:n], tokens[n:])
        if tuple(taken) in affixes:
            # "c." and "approx." leave their stops behind.
            return affixes[tuple(taken)], rest[1:] if rest[:1] == ["."] else rest
    return None, tokens


def _of_number(number: _Number, meaning: str | None) -> Reading | None:
    """Give the interval of a number, as it was qualified."""
    value, half = number.value, number.unit // 2
    if meaning == _AT_LEAST:
        return Reading("at_least", value, UNBOUNDED)
    if meaning == _MORE:
        return Reading("at_least", value + 1, UNBOUNDED)
    if meaning == _AT_MOST:
        return Reading("at_most", 0, value)
    if meaning == _FEWER:
        return Reading("at_most", 0, value - 1) if value else None
    if meaning == _DOCUMENTED:
        return Reading("documented", value, UNBOUNDED)
    if meaning == _NEARLY:
        return Reading("about", value - half, value)
    if meaning == _EXACTLY:
        return Reading("count", value, value)
    if meaning == _ABOUT or number.rounded:
        return Reading("about", value - half, value + half)
    return Reading("count", value, value)


def _of_several(lower: int, upper: int, meaning: str | None) -> Reading | None:
    """Give the interval of a word from the table, as it was qualified."""
    if meaning in (_AT_LEAST, _MORE):
        return Reading("at_least", lower, UNBOUNDED)
    if meaning in (_AT_MOST, _FEWER):
        return Reading("at_most", 0, upper) if upper < UNBOUNDED else None
    return Reading("verbal", lower, upper) if meaning in (None, _ABOUT) else None


def _several(tokens: list[str], words: Words) -> tuple[int, int] | None:
    """Look up a word from the table, by itself or before a unit: "several hundred"."""
    found = words.intervals.get(_phrase(tokens))
    # "Several hundreds" are several hundred.
    name = _PLURALS.get(tokens[-1], tokens[-1]) if tokens else ""
    if found or len(tokens) < 2 or name not in _UNITS:
        return found
    unit = _UNITS[name]
    before = tokens[:-2] if tokens[-2] == "of" else tokens[:-1]
    lower, upper = words.intervals.get(_phrase(before), (0, UNBOUNDED))
    if (upper + 1) * unit > LARGEST:
        return None
    # Of 3 to 9 hundreds the most is 999.
    return lower * unit, (upper + 1) * unit - 1


def _range(tokens: list[str]) -> Reading | None:
    """Read "5-21", "5 to 21", "two or three", "between 5 and 21"; but "05-12" is a date."""
    links: tuple[str, ...] = ("-", "to", "or")
    # "Fifty-hundred" may be 50 to 100, or 5,000.
    if any(link == "-" and unit in _UNITS for link, unit in pairwise(tokens)):
        return None
    if tokens[:1] == ["between"]:
        links, tokens = ("and", "-"), tokens[1:]
    elif tokens[:1] == ["from"]:
        tokens = tokens[1:]
    readings = []
    for i, token in enumerate(tokens):
        if token in links:
            low, high = _number(tokens[:i]), _number(tokens[i + 1 :])
            if not low or not high or low.value > high.value:
                continue
            # "2 to 3 million" means 2 million; it is not for us to say so.
            vague = not low.factor and high.factor and low.value < high.factor
            if not vague and not _is_padded(tokens[0]) and not _is_padded(tokens[i + 1]):
                readings.append((low.value, high.value))
    if len(readings) != 1:
        return None
    lower, upper = readings[0]
    return Reading("count" if lower == upper else "range", lower, upper)


def _is_padded(token: str) -> bool:
    """Tell whether a number begins with a 0 that adds nothing, as in days and months."""
    return len(token) > 1 and token.isdecimal() and int(token[0]) == 0


class _Said(NamedTuple):
    """Value, factor of the last unit, and whether a number was said in whole units."""

    value: Decimal
    factor: Decimal | None
    rounded: bool


def _number(tokens: list[str]) -> _Number | None:
    """Read a number in figures, in words, or in figures and units."""
    tokens = _joined(tokens)
    if not tokens:
        return None
    in_figures = tokens[0].lstrip(".")[:1].isdecimal()
    said = _in_figures(tokens) if in_figures else _in_words(tokens)
    if said is None or said.value != int(said.value) or not said.value < LARGEST:
        return None
    value = int(said.value)
    unit = 12 if "dozen" in tokens else _last_unit(value)
    if "half" in tokens:
        unit //= 2
    return _Number(value, unit, said.rounded, said.factor)


def _joined(tokens: list[str]) -> list[str]:
    """Take the hyphen out of "one-hundred", "fifty-thousand", "10-million"; not of others.

    Before "hundred" and "dozen" a number up to nine alone has one: "fifty-hundred" may be a range.
    """
    if len(tokens) < 3 or tokens[1] != "-" or tokens[2] not in _UNITS:
        return tokens
    in_words = _BELOW_HUNDRED.get(tokens[0])
    factor = int(tokens[0]) if tokens[0].isdecimal() and len(tokens[0]) < 4 else in_words
    most = 9 if tokens[2] in ("hundred", "dozen") else 999
    if factor is None or not 1 <= factor <= most:
        return tokens
    return [tokens[0], *tokens[2:]]


def _in_figures(tokens: list[str]) -> _Said | None:
    """Read "1,383", "1.4 thousand", "2 hundred thousand"."""
    digits, units = tokens[0], tokens[1:]
    # 1.400 may be one and a half or fourteen hundred: a point needs a unit after it.
    if len(digits) > _MOST_DIGITS or ("." in digits and not units):
        return None
    stated = Decimal(digits) if "." in digits else in_digits(digits)
    if stated is None:
        return None
    # "5 thousand", "2 hundred thousand", but no "2 thousand hundred".
    if len(units) > 2 or (len(units) == 2 and (units[0] != "hundred" or units[1] == "dozen")):
        return None
    if not all(unit in _UNITS for unit in units):
        return None
    value = Decimal(stated)
    for unit in units:
        value *= _UNITS[unit]
    return _Said(value, Decimal(stated) if units else None, bool(units))


def _in_words(tokens: list[str]) -> _Said | None:
    """Read "twenty-one", "one hundred and five", "two thousand", "a dozen"."""
    if tokens[0] == "half" and tokens[1:] in (["dozen"], ["a", "dozen"]):
        return _Said(Decimal(6), None, True)
    has_article = tokens[0] in ("a", "an")
    if has_article and (len(tokens) == 1 or tokens[1] not in _UNITS):
        return None
    words = tokens[1:] if has_article else tokens
    if words[0] in _UNITS:
        words = ["one", *words]
    added = _added_up(words)
    if added is None:
        return None
    return _Said(*added, words[-1] in _UNITS)


def _added_up(words: list[str]) -> tuple[Decimal, Decimal | None] | None:
    """Add up a number in words; give its value and the factor of its last unit."""
    total, part, ceiling = 0, 0, LARGEST
    factor: Decimal | None = None
    for before, word in pairwise(["", *words]):
        if not _can_follow(word, before):
            return None
        if word in _BELOW_HUNDRED:
            part += _BELOW_HUNDRED[word]
        elif word in ("hundred", "dozen"):
            if not 0 < part < 100:
                return None
            factor = Decimal(part)
            part *= _UNITS[word]
            if total and part >= _UNITS["thousand"] >= ceiling:
                return None  # as in "one thousand and twenty hundred"
        elif word in _UNITS:
            if not part or _UNITS[word] >= ceiling:
                return None
            factor, ceiling = Decimal(part), _UNITS[word]
            total, part = total + part * ceiling, 0
    if words[-1] in ("and", "-") or "dozen" in words[:-1]:
        return None
    return Decimal(total + part), factor


def _can_follow(word: str, before: str) -> bool:
    """Tell whether a word can come after another one in a number."""
    after_tens = before in _TENS or before == "-"
    if word in _SMALL:
        first = 1 if before else 0  # nobody says "one hundred zero"
        return before not in _SMALL and first <= _SMALL[word] <= (9 if after_tens else 19)
    if word in _TENS:
        return before not in _SMALL and not after_tens
    if word == "and":
        return before in _UNITS
    if word == "-":
        return before in _TENS
    is_small = word in ("hundred", "dozen")
    return word in _UNITS and before != "-" and (is_small or before != "and")


def _last_unit(value: int) -> int:
    """Give the power of ten that a number ends on: 100 for 1,400; 1 for 1,383 and for 0."""
    unit = 1
    while value and value % (10 * unit) == 0:
        unit *= 10
    return unit
