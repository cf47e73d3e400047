"""Addresses of the deployments, below `/v1/`."""

from django.urls import path

from mlworker.serving.api.control import (
    DeploymentPauseView,
    DeploymentResumeView,
    DeploymentShadowView,
)
from mlworker.serving.api.deployments import (
    DeploymentPromoteView,
    DeploymentRollbackView,
    DeploymentsView,
    DeploymentView,
)
from mlworker.serving.api.output import DeploymentOutputView, DeploymentRulesView

urlpatterns = [
    path("deployments", DeploymentsView.as_view(), name="deployments"),
    path("deployments/<str:deployment_id>", DeploymentView.as_view(), name="deployment"),
    path(
        "deployments/<str:deployment_id>/promote",
        DeploymentPromoteView.as_view(),
        name="deployment-promote",
    ),
    path(
        "deployments/<str:deployment_id>/rollback",
        DeploymentRollbackView.as_view(),
        name="deployment-rollback",
    ),
    path(
        "deployments/<str:deployment_id>/pause",
        DeploymentPauseView.as_view(),
        name="deployment-pause",
    ),
    path(
        "deployments/<str:deployment_id>/resume",
        DeploymentResumeView.as_view(),
        name="deployment-resume",
    ),
    path(
        "deployments/<str:deployment_id>/shadow",
        DeploymentShadowView.as_view(),
        name="deployment-shadow",
    ),
    path(
        "deployments/<str:deployment_id>/output",
        DeploymentOutputView.as_view(),
        name="deployment-output",
    ),
    path(
        "deployments/<str:deployment_id>/rules",
        DeploymentRulesView.as_view(),
        name="deployment-rules",
    ),
]
