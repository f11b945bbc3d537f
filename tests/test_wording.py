"""Wordings are read as people mean them, and nothing else is read at all."""

import copy
import pickle
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollest.wording import LARGEST, UNBOUNDED, WORDS, Reading, Words, parse

INF = UNBOUNDED


@pytest.mark.parametrize(
    ("text", "kind", "lower", "upper"),
    [
        ("1383", "count", 1383, 1383),
        ("1,383", "count", 1383, 1383),
        ("1 383", "count", 1383, 1383),
        ("1\u2009383", "count", 1383, 1383),
        ("1\u202f383 civilians", "count", 1383, 1383),
        ("1,383,000", "count", 1_383_000, 1_383_000),
        ("٢١", "count", 21, 21),
        ("ten", "count", 10, 10),
        ("ten men", "count", 10, 10),
        ("Five people.", "count", 5, 5),
        ("twenty-one", "count", 21, 21),
        ("twenty\u2013one killed", "count", 21, 21),
        ("one hundred and five", "count", 105, 105),
        ("a hundred and five", "count", 105, 105),
        ("twelve hundred", "about", 1150, 1250),
        ("two thousand", "about", 1500, 2500),
        ("hundred", "about", 50, 150),
        ("exactly two thousand", "count", 2000, 2000),
        ("22 total", "count", 22, 22),
        (">=300 total", "at_least", 300, INF),
        ("275-318 in total", "range", 275, 318),
        ("276+ overall", "at_least", 276, INF),
        ("one girl", "count", 1, 1),
        ("6 firefighters killed", "count", 6, 6),
        ("300 reported", "count", 300, 300),
        ("several thousands", "verbal", 3000, 9999),
        ("50,000-100,000+", "at_least", 50_000, INF),
        ("just over 100", "at_least", 101, INF),
        ("\u223c200", "about", 150, 250),
        ("100 (estimate)", "about", 50, 150),
        ("100 approx.", "about", 50, 150),
        ("\u226745", "at_least", 45, INF),
        ("\u226645", "at_most", 0, 45),
        ("100 plus", "at_least", 100, INF),
        ("no casualties", "count", 0, 0),
        (".5 million", "about", 450_000, 550_000),
        ("(12 killed)", "count", 12, 12),
        ("1,23,456", "count", 123_456, 123_456),
        ("1\u066c383", "count", 1383, 1383),
        ("two thousand three hundred and forty-five", "count", 2345, 2345),
        ("a total of 12 killed", "count", 12, 12),
        ("dead: 12", "count", 12, 12),
        ("“12 people were killed”", "count", 12, 12),
        ("none", "count", 0, 0),
        ("no one", "count", 0, 0),
        ("Nobody", "count", 0, 0),
        ("no deaths", "count", 0, 0),
        ("No people were killed.", "count", 0, 0),
        ("exactly 30", "count", 30, 30),
        ("precisely a hundred dead", "count", 100, 100),
        ("12 confirmed dead", "count", 12, 12),
        ("at least 12 confirmed dead", "at_least", 12, INF),
        ("half a dozen", "about", 3, 9),
        ("at least half a dozen people", "at_least", 6, INF),
        ("1400 est.", "about", 1350, 1450),
        ("1,400 (est.)", "about", 1350, 1450),
        ("est. 1400", "about", 1350, 1450),
        ("1400 (estimated)", "about", 1350, 1450),
        ("estimated 12", "about", 12, 12),
        ("111 verified by name", "documented", 111, INF),
        ("111 documented deaths", "documented", 111, INF),
        ("at least 111 documented deaths", "documented", 111, INF),
        ("zero", "count", 0, 0),
        ("0", "count", 0, 0),
        ("at least 10", "at_least", 10, INF),
        ("at least ten people killed", "at_least", 10, INF),
        ("killed at least 10", "at_least", 10, INF),
        ("no fewer than 17", "at_least", 17, INF),
        ("not fewer than 17", "at_least", 17, INF),
        ("no less than 17", "at_least", 17, INF),
        ("upwards of 20", "at_least", 20, INF),
        ("17+", "at_least", 17, INF),
        (">= 17", "at_least", 17, INF),
        ("≥17", "at_least", 17, INF),
        ("200 or more", "at_least", 200, INF),
        ("200 people or more", "at_least", 200, INF),
        ("more than a hundred", "at_least", 101, INF),
        ("more than 4,000 people", "at_least", 4001, INF),
        ("more than 745 civilians", "at_least", 746, INF),
        ("over 50", "at_least", 51, INF),
        ("in excess of 50", "at_least", 51, INF),
        ("> 17", "at_least", 18, INF),
        ("at least dozens", "at_least", 24, INF),
        ("more than a dozen", "at_least", 13, INF),
        ("no more than 30", "at_most", 0, 30),
        ("not more than 30", "at_most", 0, 30),
        ("at most 30", "at_most", 0, 30),
        ("up to 30 dead", "at_most", 0, 30),
        ("<= 30", "at_most", 0, 30),
        ("30 or fewer", "at_most", 0, 30),
        ("fewer than 10", "at_most", 0, 9),
        ("less than 10", "at_most", 0, 9),
        ("under 20", "at_most", 0, 19),
        ("fewer than a hundred", "at_most", 0, 99),
        ("fewer than one", "at_most", 0, 0),
        ("5-21", "range", 5, 21),
        ("5\u201321 people", "range", 5, 21),
        ("5 \u2014 21", "range", 5, 21),
        ("5 to 21", "range", 5, 21),
        ("from 5 to 21", "range", 5, 21),
        ("between 5 and 21", "range", 5, 21),
        ("between 2,300 and 2,400", "range", 2300, 2400),
        ("between one hundred and five hundred", "range", 100, 500),
        ("twenty-one to twenty-five", "range", 21, 25),
        ("two or three", "range", 2, 3),
        ("about 50 to 60", "range", 50, 60),
        ("7-7", "count", 7, 7),
        ("about 1,400", "about", 1350, 1450),
        ("about 1,400 people", "about", 1350, 1450),
        ("approximately 1,700", "about", 1650, 1750),
        ("around 30", "about", 25, 35),
        ("roughly ten", "about", 5, 15),
        ("some 200", "about", 150, 250),
        ("~200", "about", 150, 250),
        ("c. 200", "about", 150, 250),
        ("200 or so", "about", 150, 250),
        ("about 1,383", "about", 1383, 1383),
        ("about zero", "about", 0, 0),
        ("nearly 1,500", "about", 1450, 1500),
        ("almost 200", "about", 150, 200),
        ("a hundred", "about", 50, 150),
        ("a dozen", "about", 6, 18),
        ("two dozen", "about", 18, 30),
        ("1.4 thousand", "about", 1350, 1450),
        ("1.4k", "about", 1350, 1450),
        ("2 million", "about", 1_500_000, 2_500_000),
        ("dozens", "verbal", 24, 99),
        ("Dozens of people killed", "verbal", 24, 99),
        ("several", "verbal", 3, 9),
        ("several hundred", "verbal", 300, 999),
        ("a few", "verbal", 3, 9),
        ("a couple", "verbal", 2, 3),
        ("a couple of dozen", "verbal", 24, 47),
        ("a handful", "verbal", 3, 9),
        ("scores", "verbal", 40, 199),
        ("hundreds of civilians", "verbal", 200, 999),
        ("thousands", "verbal", 2000, 9999),
        ("tens of thousands of people", "verbal", 20_000, 99_999),
        ("one-hundred killed", "about", 50, 150),
        ("fifty-thousand", "about", 45_000, 55_000),
        ("10-million", "about", 5_000_000, 15_000_000),
        ("12\u3000345", "count", 12_345, 12_345),
    ],
)
def test_a_wording_is_read_as_people_mean_it(text, kind, lower, upper):
    assert parse(text) == Reading(kind, lower, upper)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no",
        "many",
        "people",
        "10 wounded",
        "10 killed and wounded",
        "10 more people",
        "no survivors",
        "No civilians were killed.",
        "no soldiers dead",
        "no confirmed deaths",
        "exactly dozens",
        "dozens documented",
        "exactly 5 to 21",
        "half",
        "half a hundred",
        "one in ten",
        "2025-03-12",
        "-5",
        "1.5",
        "1.400",
        "10²",
        "1,38",
        "10, 20",
        "5 to 3",
        "2 to 3 million",
        "at least 5 to 10",
        ".5",
        "more than .5",
        "~.5",
        "[5]",
        "(5)",
        "5)",
        "(5",
        "1,23,45",
        "12*",
        "26[5]",
        "12 of the dead were militants",
        "two of the victims",
        "dozens of the dead",
        "12 of",
        "the 12 of the",
        "none of the dead were women",
        "none confirmed",
        "none reported",
        "20 casualties",
        "no reported deaths",
        "at least 10 or fewer",
        "fewer than 0",
        "1,383 or 1,400 or 1,500",
        "ten twenty",
        "hundred hundred",
        "twenty-ten",
        "2 thousand hundred",
        "10000000000",
        "nearly several",
        "and",
        "0 confirmed",
        "zero civilians",
        "exactly 0 soldiers killed",
        "no more than 0 women",
        "fewer than one civilian",
        "12 were",
        "12 people have been",
        "3\n120",
        "1\t200",
        "12  345",
        "1\u2028200",
        "0,123",
        "0 123",
        "1 234,567",
        "1,234 567",
        "05-12",
        "5 to 05",
        "fifty-hundred",
        "twenty one-hundred",
        "one hundred zero",
        "one thousand and twenty hundred",
    ],
)
def test_what_is_not_a_number_of_dead_is_refused(text):
    with pytest.raises(ValueError, match="cannot read"):
        parse(text)


def test_the_refusal_shows_the_wording_and_the_way_out():
    with pytest.raises(ValueError, match="cannot read") as caught:
        parse("a great many")

    assert str(caught.value) == (
        "cannot read 'a great many'; state a number, use lower and upper, or add the word to the "
        "table: words=..."
    )


def test_words_can_be_added_and_changed_without_touching_the_default():
    words = WORDS.extended({"a great many": (50, 500), "Scores": (40, 200), "no end": (90, INF)})

    assert parse("A great many", words) == ("verbal", 50, 500)
    assert parse("scores of people", words) == ("verbal", 40, 200)
    assert parse("no end", words) == ("verbal", 90, INF)
    assert parse("scores") == ("verbal", 40, 199)


def test_words_survive_copying_and_print_as_they_are_made():
    words = WORDS.extended({"scores": (40, 200)})

    assert pickle.loads(pickle.dumps(words)) == words
    assert copy.deepcopy(words) == words
    assert eval(repr(words)) == words


@pytest.mark.parametrize("interval", [(5, 3), (-1, 3), (0.5, 3)])
def test_words_that_allow_no_interval_are_refused(interval):
    with pytest.raises(ValueError, match="two whole numbers of 0 or more, lower first"):
        Words({"odd": interval})


def test_a_blank_word_is_refused():
    with pytest.raises(ValueError, match="'the' is no word that could be looked up"):
        WORDS.extended({"the": (1, 2)})


@given(st.integers(0, LARGEST - 1))
def test_any_number_is_read_with_and_without_commas(n):
    assert parse(f"{n:,}") == parse(str(n)) == ("count", n, n)
    assert parse(f"{n:,} people killed".replace(",", "\u2009")) == ("count", n, n)


@given(st.integers(1, LARGEST - 2))
def test_bounds_include_or_exclude_the_number_they_name(n):
    assert parse(f"at least {n}") == ("at_least", n, UNBOUNDED)
    assert parse(f"more than {n:,}") == ("at_least", n + 1, UNBOUNDED)
    assert parse(f"no more than {n:,}") == ("at_most", 0, n)
    assert parse(f"fewer than {n}") == ("at_most", 0, n - 1)


@given(st.integers(0, LARGEST - 1), st.integers(0, LARGEST - 1))
def test_any_range_is_read(a, b):
    low, high = sorted((a, b))
    expected = ("count" if low == high else "range", low, high)
    assert parse(f"between {low} and {high:,}") == parse(f"{low:,}\u2013{high:,}") == expected


@given(st.integers(0, LARGEST - 1))
def test_about_is_centred_and_no_wider_than_the_number(n):
    reading = parse(f"about {n}")
    assert reading.lower + reading.upper == 2 * n
    assert reading.lower >= 0


VOCABULARY = [
    "a", "and", "or", "to", "no", "of", "at", "least", "more", "than", "fewer", "about",
    "-", ",", ".", "+", "<", ">", "=", "k", "dozen", "hundred", "thousand", "million",
    "one", "five", "twenty", "ninety", "several", "dozens", "between", "from", "3",
    "1,383", "1.4", "people", "killed",
]  # fmt: skip


@given(st.one_of(st.text(), st.lists(st.sampled_from(VOCABULARY)).map(" ".join)))
def test_any_text_is_an_interval_or_refused(text):
    try:
        reading = parse(text)
    except ValueError as error:
        refusal = str(error)
    else:
        refusal = "cannot read"
        assert 0 <= reading.lower <= reading.upper
        assert reading.upper == UNBOUNDED or reading.upper <= LARGEST
    assert refusal.startswith("cannot read")


@pytest.mark.parametrize(
    "piece",
    [
        "9",
        "1,111,",
        "1 ",
        "and ",
        "the ",
        "twenty-",
        "-",
        "a",
        "at least ",
        "( ",
        "people ",
        "1.1.",
    ],
)
def test_hostile_texts_are_refused_in_linear_work(piece):
    def lines_run(length):
        text, count = (piece * length)[:length], 0

        def trace(frame, event, argument):
            nonlocal count
            count += event == "line"
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            parse(text)
        except ValueError as error:
            refusal = str(error)
        finally:
            sys.settrace(before)
        assert "cannot read" in refusal
        assert len(refusal) < 200
        return count

    lines_run(100)  # what is read once, such as a table of words, counts for no text
    assert lines_run(10_000) <= 10 * lines_run(1_000)
