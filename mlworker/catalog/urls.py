"""Addresses of the catalogue, under ``v1/``."""

from django.urls import path

from mlworker.catalog.api import BaseModelsView, RecommendView

urlpatterns = [
    path("base_models", BaseModelsView.as_view(), name="base-models"),
    path("base_models/recommend", RecommendView.as_view(), name="base-models-recommend"),
]
