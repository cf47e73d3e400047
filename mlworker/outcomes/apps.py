"""Django's entry to the outcomes of models."""

from django.apps import AppConfig


class ModelOutcomesConfig(AppConfig):
    """Tells billing what contracts are about, and what came of predictions."""

    name = "mlworker.outcomes"
    label = "model_outcomes"
    verbose_name = "Outcomes of models"

    def ready(self) -> None:
        """Register the subjects of contracts, and end those whose deployment goes."""
        # Services import models, which exist only now.
        from anneal.kernel.events import subscribe  # noqa: PLC0415
        from billing.outcomes.contracts import OutcomeKind  # noqa: PLC0415
        from billing.outcomes.subjects import subject_port_register  # noqa: PLC0415
        from mlworker.outcomes import predictions, success  # noqa: PLC0415
        from mlworker.serving.contracts import DeploymentDeleted  # noqa: PLC0415

        subject_port_register(OutcomeKind.SUCCESS_FEE, success.PORT)
        subject_port_register(OutcomeKind.CONFIRMED_PREDICTION, predictions.PORT)
        subscribe(DeploymentDeleted, predictions.deployment_gone)
