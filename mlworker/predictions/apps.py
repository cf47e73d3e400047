"""Django's view of the prediction log."""

from django.apps import AppConfig


class PredictionsConfig(AppConfig):
    """The prediction log."""

    name = "mlworker.predictions"
    label = "predictions"
    verbose_name = "Prediction log"

    def ready(self) -> None:
        """Hear of answered calls, and of deployments that go."""
        from anneal.kernel.events import subscribe  # noqa: PLC0415 # apps load first
        from mlworker.predictions.keeping import Keeper  # noqa: PLC0415 # same
        from mlworker.predictions.services import deployment_log_drop  # noqa: PLC0415 # same
        from mlworker.serving.contracts import DeploymentDeleted  # noqa: PLC0415 # same
        from mlworker.serving.listening import register_listener  # noqa: PLC0415 # same

        register_listener(Keeper)
        subscribe(DeploymentDeleted, deployment_log_drop)
