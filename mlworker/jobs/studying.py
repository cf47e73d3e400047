"""Cross-validation and search of a job: what may be asked, how much of it, and its tokens."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from anneal.kernel.scopes import OrganizationRef
from mlworker.engine.study.cost import LABEL_TASKS, Pass, folds_tokens, runs_of, search_tokens
from mlworker.engine.study.space import SMOOTHING, cached_space, full_space
from mlworker.engine.training.config import AUTO, TrainConfig
from mlworker.jobs.contracts import StudyPlan, StudyRequest
from mlworker.jobs.errors import MaxChargeExceeded, StudyUnfit
from mlworker.jobs.hyperparameters import OPENAI_NAMES
from mlworker.jobs.models import FineTuningJob
from mlworker.jobs.pricelist import list_price
from tenants.datasets.contracts import DatasetVersionInfo, Split

_ROWS_PER_FOLD: Final = 2
_FOLD_SHARE: Final = 0.5
_BLOCKS: Final = (1, 2, 3)
"""Any three: which blocks there are does not matter for whether one is chosen."""


def study_plan(
    asked: StudyRequest,
    *,
    organization: OrganizationRef,
    version: DatasetVersionInfo,
    config: TrainConfig,
    requested: Mapping[str, object],
    one_pass: int,
) -> StudyPlan:
    """Return what will be done, in as many full runs as the search's ``max_charge`` pays for.

    StudyUnfit when the data or the settings leave nothing to do; MaxChargeExceeded when not even
    one full run is within it.
    """
    if not asked.folds and not asked.trials:
        return StudyPlan()
    _check(asked, version, config, fixed_names(requested))
    reads: Pass = {"passes": config.passes, "tier": config.tier}
    runs = runs_of(config.tier, asked.trials)
    if asked.trials and asked.max_charge is not None:
        dims = {"task": version.task, "tier": config.tier}

        def price(count: int) -> Decimal:
            tokens = search_tokens(one_pass, trials=asked.trials, runs=count, **reads)
            if not tokens:
                return Decimal(0)
            return list_price(organization=organization, tokens=tokens, dims=dims).amount

        while runs > 1 and price(runs) > asked.max_charge:
            runs -= 1
        if price(runs) > asked.max_charge:
            raise MaxChargeExceeded(
                f"The search would cost at least {price(runs)}, above its max_charge "
                f"{asked.max_charge}. Raise it, or search in tier head, where trials are free.",
                param="search.max_charge",
            )
    return StudyPlan(
        folds=asked.folds,
        trials=asked.trials,
        full_runs=runs,
        trained_tokens=folds_tokens(one_pass, folds=asked.folds, **reads)
        + search_tokens(one_pass, trials=asked.trials, runs=runs, **reads),
    )


def stretch(plan: StudyPlan, tier: str) -> float:
    """Return how many times longer than its tokens say a study takes.

    Tier head fits folds and trials to what was read once: no tokens, but time. A fold took about
    half as long as the reading of 2,000 reviews, and the search learns where to look once a fold.
    """
    if tier != "head":
        return 1.0
    learned = plan.folds + (max(plan.folds, 1) if plan.trials else 0)
    return 1.0 + _FOLD_SHARE * learned


def study_asked(row: FineTuningJob) -> StudyRequest:
    """Return what a job's row asks for."""
    search = row.search or {}
    limit = search.get("max_charge")
    return StudyRequest(
        folds=int((row.cross_validation or {}).get("folds", 0)),
        trials=int(search.get("trials", 0)),
        max_charge=None if limit is None else Decimal(limit),
    )


def study_planned(row: FineTuningJob) -> StudyPlan:
    """Return what a queued job's row has the trainer do."""
    asked, search = study_asked(row), row.search or {}
    return StudyPlan(
        folds=asked.folds, trials=asked.trials, full_runs=int(search.get("full_runs", 0))
    )


def fixed_names(requested: Mapping[str, object]) -> tuple[str, ...]:
    """Return the hyper-parameters that were given a value: a search leaves them alone."""
    given = (name for name, value in requested.items() if value not in (None, AUTO))
    return tuple(sorted({OPENAI_NAMES.get(name, name) for name in given}))


def _check(
    asked: StudyRequest,
    version: DatasetVersionInfo,
    config: TrainConfig,
    fixed: tuple[str, ...],
) -> None:
    if asked.trials and version.task not in LABEL_TASKS:
        raise StudyUnfit(
            f"The task {version.task} has no search. Leave search out.", param="search"
        )
    rows = version.splits[Split.TRAIN]
    if rows < _ROWS_PER_FOLD * asked.folds:
        raise StudyUnfit(
            f"{rows} training rows are too few for {asked.folds} folds: use at most "
            f"{rows // _ROWS_PER_FOLD}, or add rows.",
            param="cross_validation.folds",
        )
    if not asked.trials:
        return
    cached = cached_space(_BLOCKS, fixed)
    left = cached if config.tier == "head" else {**full_space(config, fixed)}
    if not left and SMOOTHING not in cached:
        raise StudyUnfit(
            "Every hyper-parameter that a search chooses has been given a value: leave one of "
            "them out, or leave the search out.",
            param="search",
        )
