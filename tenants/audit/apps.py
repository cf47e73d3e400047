"""Django's entry to the audit app."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Reading the audit trail; label `audit`."""

    name = "tenants.audit"
    label = "audit"
    verbose_name = "Audit"
