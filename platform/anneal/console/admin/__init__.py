"""The operator's console at `/admin/`: one site, one door to the system scope."""

from anneal.console.admin import (  # noqa: F401 # they register
    accounts,
    billing,
    cards,
    invoices,
    kernel,
    meter_exports,
    models,
    outcomes,
    payment_returns,
    payments,
    plans,
    prices,
    promotions,
    provider_events,
    webhooks,
)
from anneal.console.admin.names import names_translate
from anneal.console.admin.site import site

names_translate(site)

__all__ = ["site"]
