"""Files that are written whole or not at all."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a path to write to, which takes the place of `path` once all is written.

    Until then a file that stood there stands: a full disk or an end of the process leaves it as it
    was, and no half of a new one under its name.
    """
    target = Path(path)
    # In the same folder, so that one takes the other's place in a single step.
    partial = target.with_name(f".{uuid.uuid4().hex}{target.suffix}")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
