"""Cross-validation and search through the API: quote, hold, results, label errors."""

import csv
import io
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rest_framework.test import APIClient

from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from anneal.kernel.storage import object_put
from billing.prices.contracts import PriceTerms
from billing.prices.services import price_add, price_quote
from mlworker.engine.contracts import TrainSpec
from mlworker.engine.evaluation.predictions import Answers, answers_of
from mlworker.engine.evaluation.subject import answers_table
from mlworker.engine.study.confident import LabelErrors, label_errors
from mlworker.engine.study.files import OutOfFold, out_of_fold_write
from mlworker.engine.training.config import BY_DEVICE
from mlworker.jobs.contracts import METER, Claim, JobRequest, StudyRequest
from mlworker.jobs.folding import folds_ready
from mlworker.jobs.models import StoredFiles
from mlworker.jobs.selectors import job_get
from mlworker.jobs.services import fine_tuning_job_submit
from mlworker.jobs.states import StoredKind
from mlworker.jobs.supervisor.workspace import spec_write
from mlworker.jobs.working import (
    News,
    news_write,
    stored_begin,
    work_load,
    work_succeeded,
)
from tenants.datasets.services import dataset_create_sample
from tests.unit.factories import error_of
from tests.unit.jobs.factories import (
    claimed,
    create,
    job_path,
    make_dataset,
    make_outcome,
    pay_in_money,
    row_of,
    token_balance,
)
from tests.unit.registry.factories import LINEAGE

pytestmark = pytest.mark.django_db

FOUND = {
    "search": {"tried": [], "best": {"head_penalty": 0.02}},
    "cross_validation": {
        "folds": [
            {
                "fold": 1,
                "rows": 10,
                "metrics": {"accuracy": 0.9, "macro_f1": 0.9, "loss": 0.3},
                "seconds": 1.0,
            }
        ],
        "mean": {"accuracy": 0.9, "macro_f1": 0.9, "loss": 0.3},
        "deviation": {"accuracy": 0.0, "macro_f1": 0.0, "loss": 0.0},
        "label_errors": None,
        "calibration": None,
    },
}


def _quoted(client: APIClient, dataset: str, **body: object) -> int:
    answer = create(client, training_file=dataset, seed=1, **body)
    assert answer.status_code == 200, answer.content
    return int(answer.json()["quoted_tokens"])


def test_folds_and_full_runs_are_quoted_exactly(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    dataset = make_dataset(organization)
    settings = {"tier": "lora", "hyperparameters": {"epochs": 2}}
    alone = _quoted(client_api, dataset, **settings)
    one_pass = alone // 2
    folds = _quoted(client_api, dataset, **settings, cross_validation={"folds": 5})
    assert folds == alone + 4 * alone
    search = _quoted(client_api, dataset, **settings, search={"trials": 8})
    assert search == alone + one_pass + 2 * alone
    assert token_balance(organization).held == alone + folds + search


def test_tier_head_studies_what_it_has_read(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    dataset = make_dataset(organization)
    alone = _quoted(client_api, dataset, tier="head")
    study = {"cross_validation": {"folds": 10}, "search": {"trials": 30}}
    assert _quoted(client_api, dataset, tier="head", **study) == alone


def test_an_estimate_counts_the_study(client_api: APIClient, organization: OrganizationRef) -> None:
    body = {"model": "minilm-l6", "training_file": make_dataset(organization), "tier": "lora"}
    path = "/v1/fine_tuning/jobs/estimate"
    alone = client_api.post(path, body, format="json").json()["trained_tokens"]
    body["cross_validation"] = {"folds": 3}  # type: ignore[assignment]
    assert client_api.post(path, body, format="json").json()["trained_tokens"] == 3 * alone


def test_folds_of_tier_head_cost_nothing_but_time(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    body = {"model": "minilm-l6", "training_file": make_dataset(organization), "tier": "head"}
    path = "/v1/fine_tuning/jobs/estimate"
    alone = client_api.post(path, body, format="json").json()
    study = {"cross_validation": {"folds": 5}}
    studied = client_api.post(path, {**body, **study}, format="json").json()
    assert studied["trained_tokens"] == alone["trained_tokens"]
    assert studied["seconds_p50"] > alone["seconds_p50"]


def test_the_search_stays_below_its_own_limit(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    dataset = make_dataset(organization)
    settings = {"tier": "lora", "hyperparameters": {"epochs": 2}, "training_file": dataset}
    free = create(client_api, **settings, search={"trials": 16}).json()
    assert free["search"]["full_runs"] == 4
    alone = create(client_api, **settings).json()["quoted_tokens"]
    with tenant_scope(organization):
        dims = {"task": "text_classification", "tier": "lora"}
        price = price_quote(meter=METER, units=alone, organization=organization, dims=dims).amount
    # one reading is half of what the model costs, a full run as much as the model
    limit = f"{Decimal('2.6') * price:.6f}"
    job = create(client_api, **settings, search={"trials": 16, "max_charge": limit}).json()
    assert (job["search"]["full_runs"], job["search"]["max_charge"]) == (2, limit)
    refused = create(client_api, **settings, search={"trials": 16, "max_charge": "0"})
    assert refused.status_code == 400
    assert error_of(refused)["code"] == "max_charge_exceeded"
    assert error_of(refused)["param"] == "search.max_charge"


def test_the_searchs_limit_is_money_of_the_account(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    with system_scope("test"):
        for currency, amount in (("USD", "0.000001"), ("JPY", "0.01")):
            price_add(
                actor=SYSTEM_ACTOR,
                meter=METER,
                currency=currency,
                terms=PriceTerms(unit_amount=Decimal(amount)),
                match={"tier": "lora"},
            )
    pay_in_money(organization, "JPY")
    body = {"model": "minilm-l6", "training_file": make_dataset(organization), "tier": "lora"}

    # Enough dollars for any search, and too few yen for the smallest one.
    refused = create(client_api, **body, search={"trials": 16, "max_charge": "1"})

    assert error_of(refused)["param"] == "search.max_charge"
    assert create(client_api, **body, search={"trials": 16, "max_charge": "100000"}).json()["id"]


def test_the_trainer_is_told_all_of_it(organization: OrganizationRef, tmp_path: Path) -> None:
    claim = _studied(organization, tier="lora", hyperparameters={"n_epochs": 1})
    work = work_load(claim)
    spec_write(work, tmp_path, resume=None, threads=1, polite=False)
    text = (tmp_path / "spec.json").read_text()
    assert work.study.folds == 3
    assert work.study.full_runs == 2
    for part in ('"folds": 3', '"trials": 9', '"runs": 2', '"epochs"'):
        assert part in text
    assert work.fixed == ("epochs",)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, set()),
        ({"batch_size": 8}, {"batch_tokens"}),
        ({"learning_rate": 1e-4}, {"learning_rate"}),
    ],
)
def test_the_trainer_chooses_by_its_device_what_nobody_asked_for(
    asked: dict[str, object], told: set[str], organization: OrganizationRef, tmp_path: Path
) -> None:
    claim = _studied(organization, tier="lora", hyperparameters=asked)
    spec_write(work_load(claim), tmp_path, resume=None, threads=1, polite=False)
    assert TrainSpec.read(tmp_path).config.keys() & set(BY_DEVICE) == told


def test_results_are_shown_as_they_come_and_stay_after_a_cancel(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    claim = _studied(organization)
    assert client_api.get(job_path(claim.job_id)).json()["cross_validation"] == {
        "folds": 3,
        "result": None,
    }
    news_write(claim, News(study=FOUND))
    client_api.post(job_path(claim.job_id, "/cancel"))
    job = client_api.get(job_path(claim.job_id)).json()
    assert job["status"] == "cancelled"
    assert job["cross_validation"]["result"] == FOUND["cross_validation"]
    assert job["search"]["result"]["best"] == {"head_penalty": 0.02}
    (listed,) = client_api.get("/v1/fine_tuning/jobs").json()["data"]
    assert listed["search"] == {**job["search"], "result": None}


def test_a_job_without_a_study_shows_none(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = create(client_api, training_file=make_dataset(organization)).json()
    assert (job["cross_validation"], job["search"]) == (None, None)
    answer = client_api.get(f"/v1/fine_tuning/jobs/{job['id']}/label_errors")
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "cross_validation_missing"


def test_a_searched_job_shows_what_trained_the_model(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    claim = _studied(organization)
    job = client_api.get(job_path(claim.job_id)).json()
    work = work_load(claim)
    with tenant_scope(organization):
        info = job_get(organization=organization, reference=job["id"])
    work_succeeded(work, make_outcome(info, organization, 10))
    row = row_of(organization, claim.job_id)
    assert row.config == LINEAGE.config
    assert row.seconds is None


def test_label_errors_are_listed_with_texts_in_pages(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    claim = _studied(organization)
    _store(claim)
    first = client_api.get(job_path(claim.job_id, "/label_errors?limit=1")).json()
    assert (first["total"], first["has_more"], first["dataset_deleted"]) == (2, True, False)
    (row,) = first["data"]
    assert (row["row"], row["label"], row["suggested"]) == (5, "positive", "negative")
    assert row["quality"] == pytest.approx((0.05 - 0.95 + 1) / 2)
    assert row["text"]
    second = client_api.get(job_path(claim.job_id, "/label_errors?limit=1&skip=1")).json()
    assert (second["data"][0]["row"], second["has_more"]) == (2, False)
    assert client_api.get(job_path(claim.job_id, "/label_errors?skip=-1")).status_code == 400


def test_label_errors_are_a_table_for_spreadsheets(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    claim = _studied(organization)
    _store(claim)
    answer = client_api.get(job_path(claim.job_id, "/label_errors.csv"))
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [(row["row"], row["suggested"]) for row in rows] == [
        ("5", "negative"),
        ("2", "positive"),
    ]
    assert all(row["text"] for row in rows)


def test_rows_without_one_label_have_no_label_errors_and_can_be_taken_along(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    claim = _studied(organization)
    numbers = answers_table(
        np.arange(3),
        ["1.0", "2.0", "3.0"],
        ["1", "2", "9"],
        score=[1, 2, 9],
        label_score=[0, 0, -6],
    )
    _keep(claim, numbers, None, ("value",))
    for tail in ("/label_errors", "/label_errors.csv"):
        answer = client_api.get(job_path(claim.job_id, tail))
        assert (answer.status_code, error_of(answer)["code"]) == (404, "label_errors_missing")
    answer = client_api.get(job_path(claim.job_id, "/out_of_fold.parquet"))
    assert pq.read_table(io.BytesIO(answer.content))["predicted"].to_pylist() == ["1", "2", "9"]


def test_predictions_can_be_taken_along_and_a_later_attempt_replaces_them(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    claim = _studied(organization)
    _store(claim)
    _store(claim)
    answer = client_api.get(job_path(claim.job_id, "/out_of_fold.parquet"))
    assert answer.content[:4] == b"PAR1"
    with tenant_scope(organization):
        states = StoredFiles.objects.filter(kind=StoredKind.FOLDS).values_list("state", flat=True)
        assert sorted(states) == ["deleting", "ready"]


def test_a_foreign_job_gives_no_label_errors(
    client_api: APIClient, organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    claim = _studied(other_organization)
    _store(claim)
    for tail in ("/label_errors", "/label_errors.csv", "/out_of_fold.parquet"):
        assert client_api.get(job_path(claim.job_id, tail)).status_code == 404


def _studied(organization: OrganizationRef, tier: str = "head", **body: object) -> Claim:
    """A claimed job with a study on the sample dataset."""
    with tenant_scope(organization):
        dataset = dataset_create_sample(organization=organization, actor=SYSTEM_ACTOR).public_id
        fine_tuning_job_submit(
            organization=organization,
            actor=SYSTEM_ACTOR,
            request=JobRequest(
                model="minilm-l6",
                training_file=dataset,
                tier=tier,
                seed=7,
                study=StudyRequest(folds=3, trials=9),
                **body,  # type: ignore[arg-type]
            ),
        )
    return claimed()


def _store(claim: Claim) -> None:
    """Store predictions of six rows, rows 2 and 5 likely wrong, as a supervisor does."""
    targets = np.array([0, 0, 0, 1, 1, 1])
    shares = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9], [0.3, 0.7], [0.95, 0.05]])
    answers = answers_of(Answers(np.arange(6), targets, shares.astype(np.float32)))
    _keep(claim, answers, label_errors(targets, shares), ("negative", "positive"))


def _keep(
    claim: Claim, answers: pa.Table, errors: LabelErrors | None, labels: tuple[str, ...]
) -> None:
    folds = np.arange(answers.num_rows) % 3 + 1
    stored_id, key = stored_begin(claim, StoredKind.FOLDS, ending="parquet")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "out_of_fold.parquet"
        out_of_fold_write(OutOfFold(answers, folds, errors, labels), path)
        with path.open("rb") as source:
            stored = object_put(key, source)
    folds_ready(claim, stored_id, stored)
