"""The web process: the online gateway before Django, everything else to Django."""

import os
from typing import Any, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "anneal.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from anneal.body_limit import limit_bodies  # noqa: E402 # settings come first
from anneal.border import guard  # noqa: E402 # as above
from anneal.kernel.metrics.process import figures_publish  # noqa: E402 # as above
from mlworker.serving.gateway.app import create_gateway  # noqa: E402 # needs the apps loaded

figures_publish("web")
application = create_gateway(guard(limit_bodies(cast("Any", django_application))))
