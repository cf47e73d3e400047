"""What a request wants, and the ticket and the body that come of it."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from anneal.kernel.errors import InvalidRequest
from anneal.kernel.ids import uuid7
from anneal.kernel.scopes import OrganizationRef
from mlworker.engine.tasks.base import Task
from mlworker.serving.gateway.answers import (
    Render,
    Sources,
    abstentions,
    classify_render,
    embeddings_render,
    pipeline_render,
)
from mlworker.serving.gateway.bodies import ClassifyBody, EmbeddingsBody
from mlworker.serving.gateway.keys import Caller
from mlworker.serving.gateway.models import Choice, Target, price_dims
from mlworker.serving.gateway.shaped import (
    shaped_abstentions,
    shaped_classify_render,
    shaped_pipeline_render,
)
from mlworker.serving.gateway.texts import Tokens
from mlworker.serving.gateway.tickets import StoreAs, Ticket
from mlworker.serving.protocol import Answer
from mlworker.serving.shaping import Decisions


@dataclass(frozen=True, slots=True)
class Rendering:
    """What a body is made of, beside the engine's numbers."""

    target: Target
    choice: Choice
    event_ids: list[UUID]
    usage: dict[str, int]
    sources: Sources
    decisions: Decisions
    first: int = 0
    """Index of the first text in the caller's list."""


RenderFor = Callable[[Rendering], Render]


@dataclass(frozen=True, slots=True)
class Job:
    """What a request wants, whoever sent it."""

    source: str
    organization: OrganizationRef
    caller: Caller | None
    target: Target
    texts: list[str]
    render: RenderFor
    store: StoreAs | None = None
    threshold: float | None = None
    options: frozenset[str] = frozenset()
    """Which of `top_k` and `threshold` the caller gave."""
    function: str | None = None
    """Hugging Face's `function_to_apply`."""
    stock: bool = False
    """Whether it is answered as stock pipelines do, which know no threshold."""
    first: int = 0
    """Index of the first text in the caller's list."""


def ticket_of(
    job: Job, choice: Choice, tokens: Tokens, sources: Sources, decisions: Decisions
) -> Ticket:
    """Return the ticket of a job whose texts were cut into tokens."""
    event_ids = [uuid7() for _ in job.texts]
    usage = {
        "predictions": len(event_ids),
        "tokens": sum(tokens.lengths),
        "truncated": tokens.truncated,
    }
    rendering = Rendering(job.target, choice, event_ids, usage, sources, decisions, job.first)
    return Ticket(
        source=job.source,
        organization_id=job.organization.id,
        key_digest=job.caller.digest if job.caller else None,
        key_id=job.caller.key_id if job.caller else None,
        base=choice.servable.base,
        model=choice.servable.name,
        deployment_id=job.target.deployment_id,
        spec=choice.spec,
        lengths=tokens.lengths,
        tokens=tokens.packed,
        event_ids=event_ids,
        render=job.render(rendering),
        store=job.store,
        member_id=job.caller.member_id if job.caller else None,
        price_dims=price_dims(choice.servable),
        abstains=abstains_of(job, choice, decisions),
        by_outcome=job.target.by_outcome,
    )


def abstains_of(
    job: Job, choice: Choice, decisions: Decisions
) -> Callable[[Answer], list[bool]] | None:
    """Return what finds the items that are free because no label reached the threshold."""
    if not settings.ANNEAL_FREE_ABSTENTIONS:
        return None
    shape = choice.shape
    if shape is None:
        if job.threshold is None:
            return None
        return abstentions(task=choice.servable.task, threshold=job.threshold)
    # Threshold and abstain label are of answers with a label: pipelines give all scores.
    threshold = shape.threshold if job.threshold is None else job.threshold
    if threshold is None or shape.abstain_label is not None or job.stock:
        return None
    return shaped_abstentions(
        shape=shape, decisions=decisions, items=len(job.texts), threshold=threshold
    )


def options_of(body: ClassifyBody) -> frozenset[str]:
    """Return which options the caller gave."""
    given = {"top_k": body.top_k, "threshold": body.threshold}
    return frozenset(name for name, value in given.items() if value is not None)


def fits(job: Job, task: Task) -> None:
    """Refuse what would do nothing for the model's task."""
    for name in sorted(job.options - task.options):
        raise InvalidRequest(
            f"{name} does nothing for this model: its task is {task.name}. Leave it out.",
            param=name,
        )
    if job.function not in (None, task.stock.function):
        raise InvalidRequest(
            f"This model's scores come by {task.stock.function}: leave function_to_apply out.",
            param="parameters.function_to_apply",
        )


def classify_as(body: ClassifyBody) -> RenderFor:
    """Return what renders our own shape."""

    def render(made: Rendering) -> Render:
        shape, servable = made.choice.shape, made.choice.servable
        if shape is None:
            return classify_render(
                model=made.target.name,
                task=servable.task,
                labels=servable.labels,
                event_ids=made.event_ids,
                top_k=body.top_k,
                threshold=body.threshold,
                usage=made.usage,
                sources=made.sources,
                first=made.first,
            )
        return shaped_classify_render(
            model=made.target.name,
            shape=shape,
            decisions=made.decisions,
            event_ids=made.event_ids,
            top_k=shape.top_k if body.top_k is None else body.top_k,
            threshold=shape.threshold if body.threshold is None else body.threshold,
            usage=made.usage,
            sources=made.sources,
            first=made.first,
        )

    return render


def pipeline_as(top_k: int | None, *, alone: bool) -> RenderFor:
    """Return what renders a pipeline's shape."""

    def render(made: Rendering) -> Render:
        shape, servable = made.choice.shape, made.choice.servable
        if shape is None:
            return pipeline_render(
                task=servable.task,
                labels=servable.labels,
                top_k=top_k,
                sources=made.sources,
                alone=alone,
            )
        return shaped_pipeline_render(
            shape=shape,
            decisions=made.decisions,
            items=len(made.event_ids),
            top_k=shape.top_k if top_k is None else top_k,
            sources=made.sources,
            alone=alone,
        )

    return render


def embeddings_as(body: EmbeddingsBody) -> RenderFor:
    """Return what renders OpenAI's shape of vectors."""

    def render(made: Rendering) -> Render:
        tokens = made.usage["tokens"]
        return embeddings_render(
            model=body.model,
            encoding=body.encoding_format,
            usage={"prompt_tokens": tokens, "total_tokens": tokens},
            first=made.first,
        )

    return render
