"""Addresses of the audit app, below `/v1/`."""

from django.urls import path

from tenants.audit.api import AuditView

urlpatterns = [path("audit", AuditView.as_view())]
