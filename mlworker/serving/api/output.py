"""What a deployment makes of its models' answers, over the API."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.principal import Permission
from mlworker.serving.adapting import deployment_output_set, deployment_rules_set
from mlworker.serving.api.deployments import OneDeployment
from mlworker.serving.api.output_schemas import (
    OutputSchema,
    RulesSchema,
    output_from,
    rules_from,
)
from mlworker.serving.api.render import render_output, render_rule


class DeploymentOutputView(OneDeployment):
    """Names, threshold and fields of the answers."""

    permission = Permission.DEPLOY

    @extend_schema(
        operation_id="deployments_output",
        tags=["deployments"],
        request=OutputSchema,
        responses=OutputSchema,
    )
    def put(self, request: Request, deployment_id: str) -> Response:
        """Set what is made of the answers; what is left out is made no more."""
        changed = deployment_output_set(
            organization=self.organization,
            actor=self.actor,
            deployment_id=self.located.id,
            output=output_from(self.body(OutputSchema)),
        )
        return Response(render_output(changed.output))


class DeploymentRulesView(OneDeployment):
    """Rules before and after the model."""

    permission = Permission.DEPLOY

    @extend_schema(
        operation_id="deployments_rules",
        tags=["deployments"],
        request=RulesSchema,
        responses=RulesSchema,
    )
    def put(self, request: Request, deployment_id: str) -> Response:
        """Set the rules; the first that matches a text decides it."""
        changed = deployment_rules_set(
            organization=self.organization,
            actor=self.actor,
            deployment_id=self.located.id,
            rules=rules_from(self.body(RulesSchema)),
        )
        return Response({"rules": [render_rule(rule) for rule in changed.rules]})
