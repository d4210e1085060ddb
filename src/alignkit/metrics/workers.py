"""Workers side by side, each with one thread for its linear algebra."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import torch
from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")

_pool: ThreadPoolExecutor | None = None
_owner: int | None = None


@contextmanager
def workers() -> Iterator[None]:
    """Start as many workers as torch may use threads; ``parallel_map`` uses them.

    Two single-threaded factorisations finish sooner than one with two threads, and a value
    then depends on neither the number of workers nor that of threads.
    """
    global _pool, _owner
    if _pool is not None:  # within another's workers
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    pool = ThreadPoolExecutor(before, initializer=torch.set_num_threads, initargs=(1,))
    try:
        with _libraries().limit(limits=1):
            _pool, _owner = pool, threading.get_ident()
            yield
    finally:
        _pool = _owner = None
        pool.shutdown(cancel_futures=True)  # after an error or a signal, what has not begun
        torch.set_num_threads(before)


def parallel_map(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Do work on every item, results in their order: side by side unless done by a worker."""
    if _pool is None or threading.get_ident() != _owner:
        return map(work, items)
    items = list(items)
    return _pool.map(work, items) if len(items) > 1 else map(work, items)


@cache
def _libraries() -> ThreadpoolController:
    """Return the libraries whose threads are limited, looked up once as that takes long."""
    import scipy.linalg  # noqa: F401  (it can be limited once it is loaded)

    return ThreadpoolController()
