"""The environment, read once and typed. Everything else in settings asks here."""

import ipaddress
import os
from decimal import Decimal
from pathlib import Path
from typing import Final

from django.core.exceptions import ImproperlyConfigured

_LIMITS: Final = ("requests_per_minute", "calls_in_flight", "concurrency", "storage_gb", "seats")


def limits_read(text: str) -> dict[str, int]:
    """Read `name=number,...`; `none` is no limit at all. Raises ImproperlyConfigured."""
    read = {}
    for part in filter(None, text.replace(" ", "").split(",")):
        name, _, number = part.partition("=")
        if part == "none":
            continue
        if name not in _LIMITS or not number.isascii() or not number.isdigit() or int(number) < 1:
            raise ImproperlyConfigured(
                f"ANNEAL_DEFAULT_LIMITS: '{part}' is no limit. Write 'none', or some of"
                f" {', '.join(_LIMITS)} as in 'requests_per_minute=600,storage_gb=20'."
            )
        read[name] = int(number)
    return read


def networks_read(text: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Read `network,...`, such as `10.2.0.0/16,fd00::/8`. Raises ImproperlyConfigured."""
    try:
        return [ipaddress.ip_network(part) for part in text.replace(" ", "").split(",") if part]
    except ValueError as error:
        raise ImproperlyConfigured(
            f"ANNEAL_WEBHOOK_NETWORKS: {error}. Write networks as in '10.2.0.0/16,fd00::/8'."
        ) from None


def meters_read(text: str) -> dict[str, str]:
    """Read `meter=event_name,...` of Stripe's meters. Raises ImproperlyConfigured."""
    read: dict[str, str] = {}
    for part in filter(None, text.replace(" ", "").split(",")):
        meter, _, event_name = part.partition("=")
        if not meter or not 0 < len(event_name) <= 100 or event_name in read.values():
            raise ImproperlyConfigured(
                f"STRIPE_METERS: '{part}' is no meter with an event name of its own. Write them as"
                " in 'prediction=anneal_prediction,trained_token=anneal_trained_token'."
            )
        read[meter] = event_name
    return read


def stripe_check(*, key: str, webhook_secret: str, meters: dict[str, str]) -> None:
    """Refuse what would be told nobody: without a key payments are a demo. ImproperlyConfigured."""
    for name, value in (("STRIPE_WEBHOOK_SECRET", webhook_secret), ("STRIPE_METERS", meters)):
        if value and not key:
            raise ImproperlyConfigured(
                f"{name} is set and STRIPE_SECRET_KEY is not: nothing would be heard of or told to"
                " Stripe. Set the key too, or take it out."
            )


def choice_read(name: str, *choices: str) -> str:
    """Read one of ``choices``, the first of them when nothing is set. ImproperlyConfigured."""
    value = os.environ.get(name) or choices[0]
    if value not in choices:
        raise ImproperlyConfigured(f"{name} is {value!r}: choose one of {', '.join(choices)}.")
    return value


ROOT: Final = Path(__file__).resolve().parents[3]
HOME: Final = Path(os.environ.get("ANNEAL_HOME") or ROOT / ".anneal")
UP: Final = os.environ.get("ANNEAL_UP") == "1"
DEBUG: Final = os.environ.get("ANNEAL_DEBUG") == "1"

DATABASE_URL: Final = os.environ.get("DATABASE_URL", "postgresql://anneal_app@localhost/anneal")
DATABASE_OWNER_URL: Final = os.environ.get("DATABASE_OWNER_URL", "")
REDIS_URL: Final = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
STORAGE_URL: Final = os.environ.get("STORAGE_URL") or f"file://{HOME / 'storage'}"
SMTP_URL: Final = os.environ.get("SMTP_URL", "")

# A fixed key is fine for commands that sign nothing; `up` and the images always set one.
SECRET_KEY: Final = os.environ.get("SECRET_KEY") or "only-for-commands-that-sign-nothing"
# Earlier keys, comma separated: what they sealed still opens.
SECRET_KEY_FALLBACKS: Final = [
    key for key in os.environ.get("SECRET_KEY_FALLBACKS", "").split(",") if key
]
SITE_URL: Final = os.environ.get("ANNEAL_SITE_URL", "http://localhost:8000")
HOSTS: Final = [host for host in os.environ.get("ANNEAL_HOSTS", "").split(",") if host] or ["*"]
TRUSTED_PROXIES: Final = int(os.environ.get("ANNEAL_TRUSTED_PROXIES", "0"))
# 1: a prediction without a label, since none reached the caller's threshold, is free. Its scores
# are given all the same, so whoever asks for a threshold of 1 then pays for nothing.
FREE_ABSTENTIONS: Final = os.environ.get("ANNEAL_FREE_ABSTENTIONS") == "1"
# What an hour of a training or serving device costs the operator, for the console's margins.
DEVICE_HOUR_PRICE: Final = Decimal(os.environ.get("ANNEAL_DEVICE_HOUR_PRICE") or "0.50")
# Device time that one prediction is taken to need: a batch's time belongs to many organizations.
PREDICTION_SECONDS: Final = Decimal(os.environ.get("ANNEAL_PREDICTION_SECONDS") or "0.01")
# Rows that a deployment's prediction log takes a day; a row has about half a kilobyte.
PREDICTION_LOG_ROWS: Final = int(os.environ.get("ANNEAL_PREDICTION_LOG_ROWS") or 100_000)
# bf16 for models that passed their gate: where the processor has it, never, or on any processor.
SERVE_PRECISION: Final = choice_read("ANNEAL_SERVE_PRECISION", "auto", "float32", "bfloat16")
# What an organization without a plan may use at once. Each of requests_per_minute, calls_in_flight,
# concurrency (training jobs), storage_gb and seats that is not named has no limit.
DEFAULT_LIMITS: Final = limits_read(os.environ.get("ANNEAL_DEFAULT_LIMITS") or "storage_gb=20")
# Webhooks go to public https addresses. These networks are open to them too, and plain http if 1.
WEBHOOK_NETWORKS: Final = networks_read(os.environ.get("ANNEAL_WEBHOOK_NETWORKS", ""))
WEBHOOK_HTTP: Final = os.environ.get("ANNEAL_WEBHOOK_HTTP") == "1"
# Without a key payments are a demo. The secret signs webhooks; the base is Stripe's own if unset.
STRIPE_SECRET_KEY: Final = os.environ.get("STRIPE_SECRET_KEY", "")
STRIPE_WEBHOOK_SECRET: Final = os.environ.get("STRIPE_WEBHOOK_SECRET", "")
STRIPE_API_BASE: Final = os.environ.get("STRIPE_API_BASE", "")
# Which of our meters Stripe's own are told of, and under which event names; none if unset.
STRIPE_METERS: Final = meters_read(os.environ.get("STRIPE_METERS", ""))
stripe_check(key=STRIPE_SECRET_KEY, webhook_secret=STRIPE_WEBHOOK_SECRET, meters=STRIPE_METERS)

OWNER_COMMANDS: Final = frozenset({"migrate", "makemigrations", "sqlmigrate", "showmigrations"})
"""The commands that log in as the tables' owner; no running process does."""
