"""HTML made of elements, so that text is always escaped."""

from collections.abc import Mapping, Sequence
from html import escape


class Markup(str):
    """HTML that is not escaped again."""

    __slots__ = ()


def element(tag: str, *children: str | None, **attributes: str | float | None) -> Markup:
    """Make an element; text among its children is escaped.

    Parameters
    ----------
    tag : str
        Its name.
    *children : str, Markup or None
        What is inside, in order; None is left out.
    **attributes : str, number or None
        Names end in an underscore where they are Python's, have one for a hyphen, and are left
        out where their value is None.

    Examples
    --------
    >>> print(element("td", "a < b", class_="name"))
    <td class="name">a &lt; b</td>
    """
    return Markup(f"<{tag}{_told(attributes)}>{joined(*children)}</{tag}>")


def image(**attributes: str | float | None) -> Markup:
    """Make an image, which has no end and nothing inside."""
    return Markup(f"<img{_told(attributes)}>")


def _told(attributes: Mapping[str, str | float | None]) -> str:
    return "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )


def joined(*children: str | None) -> Markup:
    """Put text and elements one after another."""
    return Markup(
        "".join(
            child if isinstance(child, Markup) else escape(child, quote=False)
            for child in children
            if child is not None
        )
    )


def html_table(
    caption: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    text_columns: tuple[int, ...] = (0,),
) -> Markup:
    """Make a table whose first column names its rows.

    Parameters
    ----------
    caption : str
        What it shows.
    head : sequence of str
        Name of each column.
    rows : sequence of sequences of str
        Cells as text or elements.
    text_columns : tuple of int
        Columns of words, set from the left; numbers are set from the right.
    """

    def cell(tag: str, j: int, text: str, scope: str | None) -> Markup:
        return element(tag, text, scope=scope, class_=None if j in text_columns else "number")

    top = [cell("th", j, text, "col") for j, text in enumerate(head)]
    body = [
        element(
            "tr",
            cell("th", 0, row[0], "row"),
            *(cell("td", j, text, None) for j, text in enumerate(row[1:], start=1)),
        )
        for row in rows
    ]
    made = element(
        "table",
        element("caption", element("span", caption)),
        element("thead", element("tr", *top)),
        element("tbody", *body),
    )
    # Wide tables scroll by themselves, with the keyboard too.
    return element(
        "div", made, class_="scroll", tabindex=0, role="region", aria_label=caption or "Table"
    )


def name(label: str) -> Markup:
    """Isolate a label from the direction of what is around it."""
    return element("bdi", label)


def paragraphs(*texts: str) -> Markup:
    """Make a paragraph of each text, empty ones left out."""
    return joined(*(element("p", text) for text in texts if text))
