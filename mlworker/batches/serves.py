"""What a batch's model stood for when its file was read: all of its chunks run on that."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from typing import Any, Final

from anneal.kernel.scopes import OrganizationRef
from mlworker.batches.contracts import CHANNEL, EMBEDDINGS
from mlworker.batches.errors import BatchUnderContract
from mlworker.batches.reading.entries import Options
from mlworker.engine.tasks import TASKS
from mlworker.registry.contracts import ServableModel
from mlworker.registry.selectors import model_version_keep
from mlworker.serving.contracts import OutputInfo, RuleInfo
from mlworker.serving.errors import DeploymentPaused
from mlworker.serving.gateway.models import choice_of, embedding_target
from mlworker.serving.protocol import ModelSpec
from mlworker.serving.selectors import model_find
from mlworker.serving.shaping import RULED, Shape, shape_of

_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "text_classification": ("label", "score", "scores"),
    "multi_label_classification": ("labels", "scores"),
    "regression": ("value",),
    "token_classification": ("entities",),
    "embedding": ("embedding",),
}
_OTHER: Final = ("prediction",)
_RULE: Final = "rule"
ANSWER_FIELDS: Final = frozenset(chain(_OTHER, (_RULE,), *_COLUMNS.values()))
"""Every name that a column of answers can have before it makes way for a file's own."""
_PREFIX: Final = "predicted_"


@dataclass(frozen=True, slots=True)
class Serves:
    """A model, pinned. It is kept in the batch's row as JSON."""

    endpoint: str
    model: str
    """The name that was asked for."""
    version: str
    """The name of what it pointed at."""
    version_key: str
    deployment_id: str
    base: str
    tier: str
    task: str
    labels: list[str]
    artifact_key: str
    artifact_sha256: str
    max_length: int
    output: dict[str, Any] = field(default_factory=dict)
    rules: list[dict[str, Any]] = field(default_factory=list)
    """Of the deployment."""

    @property
    def shape(self) -> Shape | None:
        """What the deployment makes of the answers; None for nothing."""
        servable = ServableModel(
            version_id=None,
            name=self.version,
            base=self.base,
            tier=self.tier,
            task=self.task,
            labels=tuple(self.labels),
            artifact_key=self.artifact_key,
            artifact_sha256=self.artifact_sha256,
            max_length=self.max_length,
            organization_id=None,
        )
        rules = [RuleInfo(**rule) for rule in self.rules]
        return shape_of(servable, OutputInfo(**self.output), rules)

    @property
    def by_token(self) -> bool:
        """Whether its answers speak of single tokens."""
        task = TASKS.get(self.task)
        return task is not None and task.level == "token"

    def unfit(self, options: Options) -> str | None:
        """Return the name of an option that means nothing to the model's task."""
        task = TASKS.get(self.task)
        given = {"top_k": options.top_k, "threshold": options.threshold}
        asked = {name for name, value in given.items() if value is not None}
        return min(asked - task.options, default=None) if task is not None else None

    @property
    def spec(self) -> ModelSpec:
        """What an engine needs to know."""
        return ModelSpec(
            self.version_key, self.tier, self.artifact_key, self.artifact_sha256, len(self.labels)
        )

    @property
    def dims(self) -> dict[str, str]:
        """What may choose the price."""
        return {"task": self.task, "tier": self.tier, "channel": CHANNEL}

    def as_json(self) -> dict[str, Any]:
        """Return what the row keeps."""
        return asdict(self)

    def answer_fields(self) -> tuple[str, ...]:
        """Names of the fields of an answer that a table gets as columns."""
        fields = _COLUMNS.get(self.task, _OTHER)
        return (*fields, _RULE) if self.rules and self.task in RULED else fields


def serves_find(
    *, organization: OrganizationRef, endpoint: str, model: str, keep: bool = False
) -> Serves:
    """Resolve a name for a batch; a deployment stands for its main model, output and rules.

    ``keep`` it: nobody deletes the model before the scope closes. Raises ModelNotFound,
    DeploymentPaused, BatchUnderContract.
    """
    if endpoint == EMBEDDINGS:
        return _serves(endpoint, model, embedding_target(model).main.servable, "")
    target = model_find(organization=organization, name=model)
    if target.paused:
        raise DeploymentPaused(param="model")
    if target.by_outcome:
        raise BatchUnderContract(
            f"The deployment '{model}' is under an outcome contract, which counts online"
            f" predictions alone: run the batch on its model, '{target.main.name}', at the price of"
            " batches, or end the contract.",
            param="model",
        )
    if keep and target.main.version_id is not None:
        model_version_keep(organization=organization, version_id=target.main.version_id)
    deployment = str(target.deployment_id) if target.deployment_id else ""
    return replace(
        _serves(endpoint, model, target.main, deployment),
        output=asdict(target.output),
        rules=[asdict(rule) for rule in target.rules],
    )


def columns_named(fields: tuple[str, ...], taken: tuple[str, ...]) -> list[str]:
    """Name the columns of the answers; a name that the file has is put behind ``predicted_``."""
    names: list[str] = []
    for wanted in fields:
        name = wanted
        while name in taken or name in names:
            name = f"{_PREFIX}{name}"
        names.append(name)
    return names


def field_of(name: str) -> str:
    """Return a column's name without what `columns_named` puts before it, once or several times."""
    return name.rpartition(_PREFIX)[2]


def _serves(endpoint: str, model: str, found: ServableModel, deployment: str) -> Serves:
    spec = choice_of(found).spec
    return Serves(
        endpoint=endpoint,
        model=model,
        version=found.name,
        version_key=spec.version,
        deployment_id=deployment,
        base=found.base,
        tier=found.tier,
        task=found.task,
        labels=list(found.labels),
        artifact_key=found.artifact_key,
        artifact_sha256=found.artifact_sha256,
        max_length=found.max_length,
    )
