"""How kernels that own nothing are compiled.

Numba counts references to arrays by atomic instructions: two for each array that is handed to a
function or viewed in it. Over a few hundred cells that is half of the time. A function that
neither allocates nor returns an array has nothing to count.
"""

from collections.abc import Callable
from typing import cast

from numba import njit


def kernel[**P, R](
    *, fastmath: set[str] | None = None, forceinline: bool = False, nogil: bool = False
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile a function without counting references; it must not allocate.

    Parameters
    ----------
    fastmath : set of str, optional
        What the compiler may take for granted; see `tollest._sums.mass`.
    forceinline : bool
        Whether to put it where it is called: many arguments take longer to hand over than a loop
        of a hundred cells.
    nogil : bool
        Whether it releases the interpreter's lock, where Python calls it.
    """
    options = {
        "cache": True, "error_model": "numpy", "fastmath": fastmath or False,
        "forceinline": forceinline, "nogil": nogil, "_nrt": False,
    }  # fmt: skip
    return cast("Callable[[Callable[P, R]], Callable[P, R]]", njit(**options))  # type: ignore[call-overload]
