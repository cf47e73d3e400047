"""``/v1/fine_tuning/hyperparameters``: what a job may be told, for forms and clients."""

import math
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import TenantView
from anneal.kernel.principal import Permission
from mlworker.engine.study.cost import LABEL_TASKS
from mlworker.engine.tasks import TASKS
from mlworker.engine.training.config import HYPERPARAMETERS, PRESETS, TIER_HELP, FieldHelp
from mlworker.jobs.hyperparameters import DEFAULT_TIER, JOB_FIELDS


class _NeedsSchema(serializers.Serializer[Any]):
    name = serializers.CharField()
    value = serializers.CharField()


class HyperparameterSchema(serializers.Serializer[Any]):
    """One hyper-parameter: what it does, where it applies, what it may be."""

    name = serializers.CharField()
    type = serializers.ChoiceField(choices=["integer", "number", "choice"])
    help = serializers.CharField(help_text="One sentence, English.")
    auto = serializers.CharField(help_text="What `auto` chooses, in words.")
    minimum = serializers.FloatField(allow_null=True)
    maximum = serializers.FloatField(allow_null=True)
    choices = serializers.ListField(child=serializers.CharField())
    tiers = serializers.ListField(child=serializers.CharField())
    tasks = serializers.ListField(
        child=serializers.CharField(), help_text="In any other it does nothing and is refused."
    )
    needs = _NeedsSchema(
        allow_null=True, help_text="It does nothing unless that one has that value."
    )


class TierSchema(serializers.Serializer[Any]):
    """How much of a base learns."""

    name = serializers.CharField()
    help = serializers.CharField()
    default = serializers.BooleanField()


class PresetSchema(serializers.Serializer[Any]):
    """A named set of values; a value given beside it wins."""

    name = serializers.CharField()
    help = serializers.CharField()
    tier = serializers.CharField()
    values = serializers.DictField()


class HyperparametersSchema(serializers.Serializer[Any]):
    """``fine_tuning.hyperparameters``."""

    object = serializers.CharField(default="fine_tuning.hyperparameters")
    tiers = TierSchema(many=True)
    presets = PresetSchema(many=True)
    search_tasks = serializers.ListField(
        child=serializers.CharField(),
        help_text="Tasks with `search`; every task has `cross_validation`. Neither goes together "
        "with `continue_from`.",
    )
    data = HyperparameterSchema(many=True)  # type: ignore[assignment] # a field, where the class has a property


class HyperparametersView(TenantView):
    """Names, help, bounds, choices."""

    permission = Permission.READ

    @extend_schema(
        operation_id="fine_tuning_hyperparameters",
        tags=["fine-tuning"],
        responses=HyperparametersSchema,
    )
    def get(self, request: Request) -> Response:
        """Tell every hyper-parameter, tier and preset of a fine-tuning job."""
        return Response(
            {
                "object": "fine_tuning.hyperparameters",
                "tiers": [
                    {"name": name, "help": text, "default": name == DEFAULT_TIER}
                    for name, text in TIER_HELP.items()
                ],
                "presets": [
                    {
                        "name": name,
                        "help": preset.help,
                        "tier": preset.tier,
                        "values": dict(preset.values),
                    }
                    for name, preset in PRESETS.items()
                ],
                "search_tasks": list(LABEL_TASKS),
                "data": [
                    _rendered(name, known)
                    for name, known in HYPERPARAMETERS.items()
                    if name not in JOB_FIELDS
                ],
            }
        )


def _rendered(name: str, known: FieldHelp) -> dict[str, Any]:
    return {
        "name": name,
        "type": known.kind,
        "help": known.help,
        "auto": known.auto,
        "minimum": known.low if math.isfinite(known.low) else None,
        "maximum": known.high if math.isfinite(known.high) else None,
        "choices": list(known.choices),
        "tiers": list(known.tiers),
        "tasks": sorted(each.name for each in TASKS.values() if name not in each.unused),
        "needs": {"name": known.needs[0], "value": known.needs[1]} if known.needs else None,
    }
