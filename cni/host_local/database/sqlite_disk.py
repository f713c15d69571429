"""SQLite's C half, without what it loads: functools, of which it uses one function, costs a plugin 2 ms of its start.

`_sqlite3` asks functools for lru_cache when it is loaded (CPython 3.11 to 3.13, Modules/_sqlite/module.c). Where
functools is not there yet, it is given a stand-in with that function's own C implementation, for the moment.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from sqlite3 import DatabaseError, connect
    from typing import Any
else:

    class _Functools:
        @staticmethod
        def lru_cache(maxsize: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
            from _functools import _lru_cache_wrapper

            return lambda function: _lru_cache_wrapper(function, maxsize, False, tuple)

    if "functools" in sys.modules:
        from _sqlite3 import DatabaseError, connect
    else:
        sys.modules["functools"] = _Functools
        try:
            from _sqlite3 import DatabaseError, connect
        finally:
            del sys.modules["functools"]

__all__ = ["DatabaseError", "connect"]
