"""Addresses of the registry, under ``v1/``."""

from django.urls import path

from mlworker.registry.api import ModelsView, ModelView

urlpatterns = [
    path("models", ModelsView.as_view(), name="models"),
    path("models/<str:model>", ModelView.as_view(), name="model"),
]
