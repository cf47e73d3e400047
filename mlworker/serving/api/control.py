"""What is done to a deployment beside pointing it elsewhere: pause and resume."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.principal import Permission
from mlworker.serving.api.deployments import OneDeployment
from mlworker.serving.api.render import render_deployment
from mlworker.serving.pausing import deployment_pause, deployment_resume
from mlworker.serving.schemas import DeploymentChangeSchema, DeploymentSchema


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
