"""`/v1/deployments`: stable names in front of models."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import TenantView, page
from anneal.kernel.ids import parse_id
from anneal.kernel.principal import Permission
from mlworker.serving.api.render import (
    render_comparison,
    render_deployment,
    render_output,
    render_revision,
    render_row,
    render_rule,
)
from mlworker.serving.contracts import DEPLOYMENT_PREFIX, DeploymentInfo
from mlworker.serving.models import Deployment
from mlworker.serving.schemas import (
    DeploymentCreateSchema,
    DeploymentDeletedSchema,
    DeploymentDetailSchema,
    DeploymentListSchema,
    DeploymentPromoteSchema,
    DeploymentRollbackSchema,
    DeploymentSchema,
    canary_from,
)
from mlworker.serving.selectors import deployment_get, revision_list
from mlworker.serving.services import (
    deployment_create,
    deployment_delete,
    deployment_promote,
    deployment_rollback,
)
from mlworker.serving.tallying import comparisons


class DeploymentsView(TenantView):
    """All deployments of the organization."""

    permission: ClassVar = {"GET": Permission.READ, "POST": Permission.DEPLOY}

    @extend_schema(
        operation_id="deployments_list", tags=["deployments"], responses=DeploymentListSchema
    )
    def get(self, request: Request) -> Response:
        """List deployments, newest first."""
        rows = Deployment.objects.filter(deleted_at=None)
        return Response(page(rows, request, prefix=DEPLOYMENT_PREFIX, render=render_row))

    @extend_schema(
        operation_id="deployments_create",
        tags=["deployments"],
        request=DeploymentCreateSchema,
        responses={201: DeploymentSchema},
    )
    def post(self, request: Request) -> Response:
        """Make a stable name that points at a model."""
        body = self.body(DeploymentCreateSchema)
        made = deployment_create(
            organization=self.organization,
            actor=self.actor,
            name=body["name"],
            model=body["model"],
            canary=canary_from(body.get("canary")),
        )
        return Response(render_deployment(made), status=201)


class OneDeployment(TenantView):
    """What the routes of one deployment share."""

    located: DeploymentInfo

    def locate(self, request: Request, **ids: str) -> DeploymentInfo:
        """Find the deployment."""
        deployment_id = parse_id(DEPLOYMENT_PREFIX, ids["deployment_id"])
        return deployment_get(organization=self.organization, deployment_id=deployment_id)


class DeploymentView(OneDeployment):
    """One deployment and its history."""

    permission: ClassVar = {"GET": Permission.READ, "DELETE": Permission.DEPLOY}

    @extend_schema(
        operation_id="deployments_retrieve", tags=["deployments"], responses=DeploymentDetailSchema
    )
    def get(self, request: Request, deployment_id: str) -> Response:
        """Return the deployment with its revisions, newest first."""
        this: Any = {"organization": self.organization, "deployment_id": self.located.id}
        return Response(
            {
                **render_deployment(self.located),
                "compared_since": self.located.compared_since,
                "output": render_output(self.located.output),
                "rules": [render_rule(rule) for rule in self.located.rules],
                "revisions": [render_revision(entry) for entry in revision_list(**this)],
                "comparisons": [render_comparison(found) for found in comparisons(**this)],
            }
        )

    @extend_schema(
        operation_id="deployments_delete",
        tags=["deployments"],
        responses={200: DeploymentDeletedSchema},
    )
    def delete(self, request: Request, deployment_id: str) -> Response:
        """Delete the name. The models it pointed at stay."""
        deployment_delete(
            organization=self.organization, actor=self.actor, deployment_id=self.located.id
        )
        return Response({"id": deployment_id, "object": "deployment", "deleted": True})


class DeploymentPromoteView(OneDeployment):
    """Pointing the name elsewhere."""

    permission = Permission.DEPLOY

    @extend_schema(
        operation_id="deployments_promote",
        tags=["deployments"],
        request=DeploymentPromoteSchema,
        responses=DeploymentSchema,
    )
    def post(self, request: Request, deployment_id: str) -> Response:
        """Promote the named model, else the canary; `canary` alone starts or changes one."""
        body = self.body(DeploymentPromoteSchema)
        changed = deployment_promote(
            organization=self.organization,
            actor=self.actor,
            deployment_id=self.located.id,
            model=body.get("model"),
            canary=canary_from(body.get("canary")),
            reason=body["reason"],
            force=body["force"],
        )
        return Response(render_deployment(changed))


class DeploymentRollbackView(OneDeployment):
    """Going back."""

    permission = Permission.DEPLOY

    @extend_schema(
        operation_id="deployments_rollback",
        tags=["deployments"],
        request=DeploymentRollbackSchema,
        responses=DeploymentSchema,
    )
    def post(self, request: Request, deployment_id: str) -> Response:
        """Return to the last revision that pointed elsewhere, or to the one named."""
        body = self.body(DeploymentRollbackSchema)
        changed = deployment_rollback(
            organization=self.organization,
            actor=self.actor,
            deployment_id=self.located.id,
            revision=body.get("revision"),
            reason=body["reason"],
        )
        return Response(render_deployment(changed))
