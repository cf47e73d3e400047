"""The Celery application. Postgres is the truth; what goes over Redis may be lost or doubled."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_init, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "anneal.settings")
# It makes Django's checks at each start, which load all addresses of the web, and reads no answer.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("anneal")
app.config_from_object(
    {
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            # The message decides nothing, so its redelivery is only noise: keep it far away.
            # The fault tests bring it near, to show that it is no more than noise.
            "visibility_timeout": float(
                os.environ.get("ANNEAL_BROKER_VISIBILITY_SECONDS") or 24 * 3600
            ),
            "socket_timeout": 30,
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
            "health_check_interval": 30,
            "retry_on_timeout": True,
            # A request must not wait for a broker that is away: the outbox keeps the message.
            "max_retries": 1,
            "interval_start": 0.05,
            "interval_step": 0,
            "interval_max": 0.05,
        },
        "result_backend": None,
        "task_ignore_result": True,
        "task_acks_late": False,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_default_queue": "default",
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        # A handler made after that would write into itself: the scheduler said nothing.
        "worker_redirect_stdouts": False,
        "worker_send_task_events": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "beat_scheduler": "anneal.kernel.beat.RegistryScheduler",
        "timezone": "UTC",
    }
)
app.autodiscover_tasks()
app.set_default()


@app.on_configure.connect  # type: ignore[untyped-decorator] # Celery ships no types
def _set_broker(**_: object) -> None:
    from django.conf import settings  # noqa: PLC0415 # settings are ready only now

    app.conf.broker_url = settings.CELERY_BROKER_URL


@worker_process_init.connect  # type: ignore[untyped-decorator] # Celery ships no types
def _fresh_connections(**_: object) -> None:
    """A forked child must not share its parent's sockets."""
    from django.db import connections  # noqa: PLC0415 # settings are ready only now

    for connection in connections.all(initialized_only=True):
        connection.close()
        getattr(connection, "close_pool", lambda: None)()


@worker_ready.connect  # type: ignore[untyped-decorator] # Celery ships no types
def _publish_figures(sender: Any = None, **_: object) -> None:
    """A worker has no port: its figures leave through Redis. Its kind is its name before the @."""
    from anneal.kernel.metrics.process import figures_publish  # noqa: PLC0415 # as above

    figures_publish(f"worker-{str(sender.hostname).partition('@')[0]}")


@worker_ready.connect  # type: ignore[untyped-decorator] # Celery ships no types
def _watch(sender: Any = None, **_: object) -> None:
    from anneal.kernel.watchdog import worker_watch  # noqa: PLC0415 # as above

    worker_watch(sender)
