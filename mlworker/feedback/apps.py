"""Django's view of feedback."""

from django.apps import AppConfig


class FeedbackConfig(AppConfig):
    """Feedback on predictions."""

    name = "mlworker.feedback"
    label = "feedback"
    verbose_name = "Feedback"
