"""A pool of threads that share out serial work; answers do not depend on how many there are."""

import functools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

# Whether this thread does what was shared out: what it shares out in turn it does by itself, since
# all others may be waiting as it would.
_thread = threading.local()


def threaded[Item, Result](
    function: Callable[[Item], Result], items: list[Item], threads: int | None = None
) -> Iterator[Result]:
    """Results in the order of `items`; kernels release the lock, so threads run side by side.

    Each item is one whole evaluation, so results do not depend on the number of threads.
    """
    workers = threads or os.cpu_count() or 1
    if workers == 1 or len(items) == 1 or getattr(_thread, "is_working", False):
        yield from map(function, items)
        return
    # This thread works too, since to wake one takes long beside a small shard: while it waits for
    # one result it makes the next that no other has begun.
    pool = _pool(workers - 1)
    futures = {i: pool.submit(function, item) for i, item in enumerate(items)}
    not_begun = (i for i in range(len(items)) if i in futures and futures[i].cancel())
    done: dict[int, Result] = {}
    try:
        for i in range(len(items)):
            while not futures[i].done() and (j := next(not_begun, None)) is not None:
                done[j] = _working(function, items[j])
            future = futures.pop(i)
            yield done.pop(i) if i in done else future.result()
    finally:
        for future in futures.values():
            future.cancel()


def _working[Item, Result](function: Callable[[Item], Result], item: Item) -> Result:
    _thread.is_working = True
    try:
        return function(item)
    finally:
        _thread.is_working = False


@functools.cache
def _pool(workers: int) -> ThreadPoolExecutor:
    """Threads that stay: to start them takes as long as a small shard."""
    return ThreadPoolExecutor(workers, initializer=setattr, initargs=(_thread, "is_working", True))


if hasattr(os, "register_at_fork"):
    # A child process has none of its parent's threads.
    os.register_at_fork(after_in_child=_pool.cache_clear)
