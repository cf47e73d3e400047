"""Settings of people's accounts: the user model, allauth, mail, and the operator's console."""

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from anneal.settings.environment import SITE_URL, SMTP_URL, TRUSTED_PROXIES

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
_VALIDATION = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": f"{_VALIDATION}.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": f"{_VALIDATION}.CommonPasswordValidator"},
    {
        "NAME": f"{_VALIDATION}.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
]
CSRF_FAILURE_VIEW = "anneal.console.errors.csrf_failure"
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
LANGUAGE_COOKIE_NAME = "anneal_language"
SESSION_COOKIE_AGE = 14 * 24 * 3600

ACCOUNT_ADAPTER = "tenants.accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "tenants.accounts.forms.SignupForm"
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_CHANGE = True
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_PASSWORD_RESET_BY_CODE_TIMEOUT = 15 * 60
ACCOUNT_PREVENT_ENUMERATION = True
# An unknown address gets no mail: a stranger could send them to anybody.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Anneal: "
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if SITE_URL.startswith("https://") else "http"
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES

HEADLESS_ONLY = True
HEADLESS_CLIENTS = ("browser",)
HEADLESS_FRONTEND_URLS = {
    "account_confirm_email": f"{SITE_URL}/verify-email",
    "account_reset_password": f"{SITE_URL}/password/reset",
    "account_reset_password_from_key": f"{SITE_URL}/password/reset?key={{key}}",
    "account_signup": f"{SITE_URL}/signup",
}


def _smtp(url: str) -> dict[str, Any]:
    """Read `smtp://user:password@host:port?from=...` (`smtps` and `smtp+tls` for encryption)."""
    parts = urlsplit(url)
    return {
        "EMAIL_HOST": parts.hostname or "localhost",
        "EMAIL_PORT": parts.port or (465 if parts.scheme == "smtps" else 25),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
        "DEFAULT_FROM_EMAIL": parse_qs(parts.query).get("from", ["anneal@localhost"])[-1],
    }


_smtp_settings = _smtp(SMTP_URL)
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend"
    if SMTP_URL
    else "tenants.accounts.mailbox.MailboxBackend"
)
EMAIL_HOST = _smtp_settings["EMAIL_HOST"]
EMAIL_PORT = _smtp_settings["EMAIL_PORT"]
EMAIL_HOST_USER = _smtp_settings["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD = _smtp_settings["EMAIL_HOST_PASSWORD"]
EMAIL_USE_SSL = _smtp_settings["EMAIL_USE_SSL"]
EMAIL_USE_TLS = _smtp_settings["EMAIL_USE_TLS"]
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = _smtp_settings["DEFAULT_FROM_EMAIL"]


def _link(title: Any, icon: str, name: str, badge: str = "") -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{name}"), "badge": badge}


# The web page's blue (frontend/src/theme.ts), so that both are one product.
_SHADES = {
    "50": "#eef4fb",
    "100": "#dbe8f5",
    "200": "#b5cfe9",
    "300": "#8cb4dc",
    "400": "#6b9dd0",
    "500": "#5389c2",
    "600": "#32689f",
    "700": "#285789",
    "800": "#1c416a",
    "900": "#163454",
    "950": "#0f243b",
}

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Anneal",
    "SITE_HEADER": "Anneal",
    "SITE_SUBHEADER": _("Operator's console"),
    "SITE_SYMBOL": "local_fire_department",
    "COLORS": {"primary": _SHADES},
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": False,
    "DASHBOARD_CALLBACK": "anneal.console.admin.dashboard.dashboard",
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "title": _("Customers"),
                "items": [
                    _link(_("Overview"), "dashboard", "index"),
                    _link(_("Organizations"), "apartment", "accounts_organization_changelist"),
                    _link(_("Users"), "person", "accounts_user_changelist"),
                    _link(_("Memberships"), "group", "accounts_membership_changelist"),
                    _link(_("API keys"), "key", "keys_apikey_changelist"),
                ],
            },
            {
                "title": _("Models"),
                "items": [
                    _link(_("Jobs"), "model_training", "jobs_finetuningjob_changelist"),
                    _link(_("Datasets"), "dataset", "datasets_dataset_changelist"),
                    _link(_("Model versions"), "deployed_code", "registry_modelversion_changelist"),
                    _link(_("Deployments"), "rocket_launch", "serving_deployment_changelist"),
                    _link(_("Batches"), "stacks", "batches_batch_changelist"),
                ],
            },
            {
                "title": _("Money"),
                "items": [
                    _link(_("Usage"), "monitoring", "metering_usageevent_changelist"),
                    _link(_("Invoices"), "receipt_long", "invoices_invoice_changelist"),
                    _link(_("Credit notes"), "undo", "invoices_creditnote_changelist"),
                    _link(
                        _("Payments"),
                        "payments",
                        "payments_paymentattempt_changelist",
                        "payments_refused",
                    ),
                    _link(_("Refunds"), "keyboard_return", "payments_refund_changelist"),
                    _link(_("Disputes"), "gavel", "payments_dispute_changelist", "disputes_open"),
                    _link(_("Cards"), "credit_card", "payments_paymentmethod_changelist"),
                    _link(
                        _("Automatic top-ups"),
                        "battery_charging_full",
                        "payments_autotopup_changelist",
                    ),
                    _link(_("Outcomes"), "task_alt", "outcomes_outcome_changelist"),
                    _link(
                        _("Outcome contracts"), "handshake", "outcomes_outcomecontract_changelist"
                    ),
                    _link(_("Outcome policies"), "rule", "outcomes_outcomepolicy_changelist"),
                    _link(_("Dunning"), "notification_important", "invoices_dunning_changelist"),
                    _link(_("Tax rates"), "percent", "invoices_taxrate_changelist"),
                    _link(_("Seller"), "storefront", "invoices_seller_changelist"),
                    _link(_("Grants"), "redeem", "ledger_grant_changelist"),
                    _link(_("Holds"), "lock_clock", "ledger_hold_changelist"),
                    _link(_("Reconciliations"), "balance", "metering_reconcilerun_changelist"),
                    _link(_("Revenue"), "trending_up", "revenue"),
                    _link(_("Margin"), "savings", "margin"),
                    _link(_("Prices"), "sell", "prices_price_changelist"),
                    _link(_("Meters"), "speed", "prices_meter_changelist"),
                    _link(_("Plans"), "inventory_2", "plans_plan_changelist"),
                    _link(_("Subscriptions"), "autorenew", "plans_subscription_changelist"),
                    _link(_("Trial"), "hourglass_top", "plans_trialterms_changelist"),
                    _link(_("Promotion codes"), "loyalty", "promotions_promotion_changelist"),
                ],
            },
            {
                "title": _("System"),
                "items": [
                    _link(
                        _("Provider events"),
                        "bolt",
                        "payments_providereventrow_changelist",
                        "events_failed",
                    ),
                    _link(_("Meter exports"), "upload", "payments_meterexport_changelist"),
                    _link(_("Webhooks"), "webhook", "webhooks_webhook_changelist"),
                    _link(_("Deliveries"), "send", "webhooks_delivery_changelist"),
                    _link(_("Audit"), "fact_check", "kernel_auditevent_changelist"),
                    _link(_("Outbox"), "outbox", "kernel_outboxmessage_changelist"),
                ],
            },
        ],
    },
}

__all__ = [
    "ACCOUNT_ADAPTER",
    "ACCOUNT_CHANGE_EMAIL",
    "ACCOUNT_DEFAULT_HTTP_PROTOCOL",
    "ACCOUNT_EMAIL_NOTIFICATIONS",
    "ACCOUNT_EMAIL_SUBJECT_PREFIX",
    "ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS",
    "ACCOUNT_EMAIL_VERIFICATION",
    "ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED",
    "ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_CHANGE",
    "ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND",
    "ACCOUNT_LOGIN_METHODS",
    "ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE",
    "ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED",
    "ACCOUNT_PASSWORD_RESET_BY_CODE_TIMEOUT",
    "ACCOUNT_PREVENT_ENUMERATION",
    "ACCOUNT_REAUTHENTICATION_REQUIRED",
    "ACCOUNT_SESSION_REMEMBER",
    "ACCOUNT_SIGNUP_FIELDS",
    "ACCOUNT_SIGNUP_FORM_CLASS",
    "ACCOUNT_USER_MODEL_USERNAME_FIELD",
    "ALLAUTH_TRUSTED_PROXY_COUNT",
    "AUTHENTICATION_BACKENDS",
    "AUTH_PASSWORD_VALIDATORS",
    "AUTH_USER_MODEL",
    "CSRF_FAILURE_VIEW",
    "DEFAULT_FROM_EMAIL",
    "EMAIL_BACKEND",
    "EMAIL_HOST",
    "EMAIL_HOST_PASSWORD",
    "EMAIL_HOST_USER",
    "EMAIL_PORT",
    "EMAIL_TIMEOUT",
    "EMAIL_USE_SSL",
    "EMAIL_USE_TLS",
    "HEADLESS_CLIENTS",
    "HEADLESS_FRONTEND_URLS",
    "HEADLESS_ONLY",
    "LANGUAGE_COOKIE_NAME",
    "LOGIN_REDIRECT_URL",
    "LOGIN_URL",
    "LOGOUT_REDIRECT_URL",
    "PASSWORD_HASHERS",
    "SESSION_COOKIE_AGE",
    "UNFOLD",
]
