"""Django's settings, put together from the environment and one module per concern."""

import sys
from typing import Any

from anneal.kernel.database import database_settings
from anneal.kernel.redis_url import broker_url
from anneal.settings.accounts import *  # noqa: F403 # the module is a plain list of allauth's names
from anneal.settings.environment import (
    DATABASE_OWNER_URL,
    DATABASE_URL,
    DEBUG,
    DEFAULT_LIMITS,
    DEVICE_HOUR_PRICE,
    FREE_ABSTENTIONS,
    HOME,
    HOSTS,
    OWNER_COMMANDS,
    PREDICTION_LOG_ROWS,
    PREDICTION_SECONDS,
    REDIS_URL,
    ROOT,
    SECRET_KEY,
    SECRET_KEY_FALLBACKS,
    SERVE_PRECISION,
    SITE_URL,
    STORAGE_URL,
    STRIPE_API_BASE,
    STRIPE_METERS,
    STRIPE_SECRET_KEY,
    STRIPE_WEBHOOK_SECRET,
    UP,
    WEBHOOK_HTTP,
    WEBHOOK_NETWORKS,
)
from anneal.settings.http import (
    CONTENT_SECURITY_POLICY,
    REST_FRAMEWORK,
    SPECTACULAR_SETTINGS,
    WHITENOISE_IMMUTABLE_FILE_TEST,
)
from anneal.settings.logging import LOGGING
from anneal.settings.storage import storage_settings

ALLOWED_HOSTS = HOSTS
ANNEAL_FREE_ABSTENTIONS = FREE_ABSTENTIONS
ANNEAL_DEFAULT_LIMITS = DEFAULT_LIMITS
ANNEAL_DEVICE_HOUR_PRICE = DEVICE_HOUR_PRICE
ANNEAL_PREDICTION_LOG_ROWS = PREDICTION_LOG_ROWS
ANNEAL_SERVE_PRECISION = SERVE_PRECISION
ANNEAL_PREDICTION_SECONDS = PREDICTION_SECONDS
ANNEAL_DEMO_BILLING = not STRIPE_SECRET_KEY
ANNEAL_STRIPE_API_BASE = STRIPE_API_BASE
ANNEAL_STRIPE_METERS = STRIPE_METERS
ANNEAL_STRIPE_SECRET_KEY = STRIPE_SECRET_KEY
ANNEAL_STRIPE_WEBHOOK_SECRET = STRIPE_WEBHOOK_SECRET
ANNEAL_HOME = HOME
ANNEAL_ROOT = ROOT
ANNEAL_SITE_URL = SITE_URL
ANNEAL_UP = UP
ANNEAL_WEBHOOK_HTTP = WEBHOOK_HTTP
ANNEAL_WEBHOOK_NETWORKS = WEBHOOK_NETWORKS
ANNEAL_AUTHENTICATORS = [
    "tenants.keys.authentication.authenticate_key",
    "tenants.accounts.authentication.authenticate_session",
]

INSTALLED_APPS = [
    "anneal.kernel.apps.KernelConfig",
    "anneal.console.apps.ConsoleConfig",
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.usersessions",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "tenants.accounts",
    "tenants.keys",
    "tenants.datasets",
    "tenants.webhooks",
    "tenants.audit",
    "billing.prices",
    "billing.metering",
    "billing.ledger",
    "billing.plans",
    "billing.promotions",
    "billing.invoices",
    "billing.outcomes",
    "billing.payments",
    "billing.simulation",
    "mlworker.catalog",
    "mlworker.jobs",
    "mlworker.registry",
    "mlworker.serving",
    "mlworker.predictions",
    "mlworker.feedback",
    "mlworker.batches",
    "mlworker.outcomes",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "anneal.console.middleware.SecurityHeadersMiddleware",
    "anneal.console.counting.count_requests",
    "anneal.console.account_door.account_door",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
]

ROOT_URLCONF = "anneal.urls"
ASGI_APPLICATION = "anneal.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [ROOT / "platform" / "anneal" / "locale"]

_as_owner = len(sys.argv) > 1 and sys.argv[1] in OWNER_COMMANDS and bool(DATABASE_OWNER_URL)
ANNEAL_AS_OWNER = _as_owner
DATABASES: dict[str, Any] = {
    "default": database_settings(
        DATABASE_OWNER_URL if _as_owner else DATABASE_URL, pool=not _as_owner
    )
}
CACHES = {"default": {"BACKEND": "anneal.kernel.cache.RedisCache", "LOCATION": REDIS_URL}}
SESSION_ENGINE = "django.contrib.sessions.backends.db"

STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
STATICFILES_DIRS = [("app", path) for path in [ROOT / "frontend" / "dist"] if path.is_dir()]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": storage_settings(STORAGE_URL),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ],
        },
    }
]

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
_https = SITE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_NAME = "__Host-session" if _https else "anneal_session"
CSRF_COOKIE_NAME = "__Host-csrf" if _https else "csrftoken"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = [SITE_URL] if _https else []
if _https:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024

CELERY_BROKER_URL = broker_url(REDIS_URL)
"""Celery's spelling of REDIS_URL, derived in one place."""

__all__ = [
    "CONTENT_SECURITY_POLICY",
    "DATABASES",
    "DEBUG",
    "LOGGING",
    "REDIS_URL",
    "REST_FRAMEWORK",
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "SPECTACULAR_SETTINGS",
    "WHITENOISE_IMMUTABLE_FILE_TEST",
]
