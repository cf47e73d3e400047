"""Work for asynchronous views: one synchronous unit at a time, and no connection between."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import connection

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


async def run_unit(
    function: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Result:
    """Run a function that opens and closes its own scope, then give its connection back.

    A stream lives for minutes; a connection kept for all of it would empty the pool.
    """

    def unit() -> Result:
        try:
            return function(*args, **kwargs)
        finally:
            if not connection.in_atomic_block:
                connection.close()

    return await sync_to_async(unit)()
