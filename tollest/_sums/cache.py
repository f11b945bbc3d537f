"""Where compiled kernels are kept, for users who can write neither here nor in a home folder."""

import os
import tempfile
import warnings
from pathlib import Path

from numba import config, njit


def settle_cache() -> None:
    """Choose a folder for compiled kernels where numba finds none.

    Numba keeps them beside the code, or in the user's cache folder, or where ``NUMBA_CACHE_DIR``
    says; of an installation that cannot be written, by a user without a home, nothing could be
    imported. Then a folder of the user's own among temporary files is taken; or else one that is
    new in each process, and a warning says that all is compiled anew.
    """
    if config.CACHE_DIR:  # type: ignore[attr-defined]
        return
    try:
        njit(cache=True)(_probe)
    except RuntimeError:
        config.CACHE_DIR = _own_folder() or _new_folder()  # type: ignore[attr-defined]


def _probe() -> None:
    """Do nothing; for numba to look for a folder."""


def _own_folder() -> str | None:
    """Name a folder that nobody else can write; None where there is none."""
    if not hasattr(os, "getuid"):
        return None
    folder = Path(tempfile.gettempdir()) / f"tollest-kernels-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError:
        return None
    # What is kept is run: a folder that somebody else has made, or can write, will not do.
    is_own = folder.is_dir() and not folder.is_symlink() and status.st_uid == os.getuid()
    is_private = not status.st_mode & 0o022
    return str(folder) if is_own and is_private and os.access(folder, os.W_OK) else None


def _new_folder() -> str:
    folder = tempfile.mkdtemp(prefix="tollest-kernels-")
    warnings.warn(
        f"kernels are kept in {folder} and compiled anew in each process, for a minute or two; "
        "set NUMBA_CACHE_DIR to a folder that can be written.",
        stacklevel=2,
    )
    return folder
