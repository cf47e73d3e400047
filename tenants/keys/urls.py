"""Addresses of the keys app, below `/v1/`."""

from django.urls import path

from tenants.keys.api import ApiKeysView, ApiKeyView, SessionKeysView

urlpatterns = [
    path("api_keys", ApiKeysView.as_view()),
    path("api_keys/<str:key_id>", ApiKeyView.as_view()),
    path("session_keys", SessionKeysView.as_view()),
]
