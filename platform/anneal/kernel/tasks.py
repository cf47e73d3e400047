"""The one way to declare a Celery task, and the kernel's own."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, ParamSpec, TypeVar

from celery import shared_task
from django.db import close_old_connections, connection

from anneal.kernel import clock, outbox
from anneal.kernel.models import IdempotencyRecord, OutboxMessage
from anneal.kernel.scopes import system_scope

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

SCHEDULE: Final[dict[str, dict[str, Any]]] = {}
"""What the scheduler pokes, in Celery beat's own shape; filled by ``task(every=...)``."""

KEEP_SENT: Final = timedelta(days=1)


def task(
    *, name: str, queue: str, every: float | None = None
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Declare a Celery task: acknowledged early, result ignored, on one queue.

    ``every`` puts it on the scheduler, in seconds; a poke that nobody took in that time expires,
    so a stopped worker does not wake to a thousand of them. Tasks must bear being run twice.
    """

    def declare(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            _close_idle()
            try:
                return function(*args, **kwargs)
            finally:
                _close_idle()

        run.__name__, run.__doc__, run.__module__ = (
            function.__name__,
            function.__doc__,
            function.__module__,
        )
        declared = shared_task(name=name, acks_late=False, ignore_result=True)(run)
        if every is not None:
            SCHEDULE[name] = {
                "task": name,
                "schedule": every,
                "options": {"queue": queue, "expires": max(every, 1.0), "ignore_result": True},
            }
        return declared  # type: ignore[no-any-return] # Celery ships no types

    return declare


def _close_idle() -> None:
    """Give connections back between tasks. A test's own transaction around the task is left."""
    if not connection.in_atomic_block:
        close_old_connections()


@task(name="anneal.relay", queue="default", every=1.0)
def relay() -> None:
    """Publish the outbox."""
    outbox.outbox_relay()


@task(name="anneal.sweep", queue="default", every=3600.0)
def sweep() -> None:
    """Forget messages sent and idempotency keys used more than a day ago."""
    with system_scope("kernel sweep"):
        OutboxMessage.objects.filter(sent_at__lt=clock.now() - KEEP_SENT).delete()
        IdempotencyRecord.objects.filter(created_at__lt=clock.now() - KEEP_SENT).delete()
