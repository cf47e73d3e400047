"""What is done to a deployment beside pointing it elsewhere: pause, resume, shadow."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.principal import Permission
from mlworker.serving.api.deployments import OneDeployment
from mlworker.serving.api.render import render_deployment
from mlworker.serving.pausing import deployment_pause, deployment_resume
from mlworker.serving.schemas import (
    DeploymentChangeSchema,
    DeploymentSchema,
    ShadowSetSchema,
    shadow_from,
)
from mlworker.serving.shadowing import deployment_shadow


class DeploymentPauseView(OneDeployment):
    """Answering nothing for a while."""

    permission = Permission.DEPLOY

    @extend_schema(
        operation_id="deployments_pause",
        tags=["deployments"],
        request=DeploymentChangeSchema,
        responses=DeploymentSchema,
    )
    def post(self, request: Request, deployment_id: str) -> Response:
        """Refuse calls with `deployment_paused`, uncharged, until it is resumed."""
        changed = deployment_pause(
            organization=self.organization,
            actor=self.actor,
            deployment_id=self.located.id,
            reason=self.body(DeploymentChangeSchema)["reason"],
        )
        return Response(render_deployment(changed))


class DeploymentResumeView(OneDeployment):
    """Answering again."""

    permission = Permission.DEPLOY

    @extend_schema(
        operation_id="deployments_resume",
        tags=["deployments"],
        request=DeploymentChangeSchema,
        responses=DeploymentSchema,
    )
    def post(self, request: Request, deployment_id: str) -> Response:
        """Answer calls again."""
        changed = deployment_resume(
            organization=self.organization,
            actor=self.actor,
            deployment_id=self.located.id,
            reason=self.body(DeploymentChangeSchema)["reason"],
        )
        return Response(render_deployment(changed))


class DeploymentShadowView(OneDeployment):
    """A model that runs beside."""

    permission: ClassVar = {"PUT": Permission.DEPLOY, "DELETE": Permission.DEPLOY}

    @extend_schema(
        operation_id="deployments_shadow",
        tags=["deployments"],
        request=ShadowSetSchema,
        responses=DeploymentSchema,
    )
    def put(self, request: Request, deployment_id: str) -> Response:
        """Run a second model on a share of the calls; it answers nobody and costs nothing."""
        body = self.body(ShadowSetSchema)
        changed = deployment_shadow(
            organization=self.organization,
            actor=self.actor,
            deployment_id=self.located.id,
            shadow=shadow_from(body),
            reason=body["reason"],
        )
        return Response(render_deployment(changed))

    @extend_schema(
        operation_id="deployments_shadow_end",
        tags=["deployments"],
        request=None,
        responses={200: DeploymentSchema},
    )
    def delete(self, request: Request, deployment_id: str) -> Response:
        """End the shadow. What it has shown stays among the comparisons."""
        changed = deployment_shadow(
            organization=self.organization,
            actor=self.actor,
            deployment_id=self.located.id,
            shadow=None,
        )
        return Response(render_deployment(changed))
