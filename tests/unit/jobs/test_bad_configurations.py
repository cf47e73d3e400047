"""What cannot train, in every task: refused by the public API before a job or a hold exists.

What is wrong with the rows is said at upload, and again to a job that names them all the same.
"""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from anneal.kernel.scopes import OrganizationRef
from tests.unit.factories import error_of
from tests.unit.jobs.factories import create, make_dataset, token_balance

pytestmark = pytest.mark.django_db

Rows = list[dict[str, Any]]

ONE, MANY, NUMBER, SPANS = TASKS = (
    "text_classification",
    "multi_label_classification",
    "regression",
    "token_classification",
)


def good(task: str, number: int) -> dict[str, Any]:
    """A row that teaches."""
    text = f"text number {number}"
    return {
        ONE: {"text": text, "label": ["cat", "dog"][number % 2]},
        MANY: {"text": text, "labels": [["cat"], ["cat", "dog"], []][number % 3]},
        NUMBER: {"text": text, "label": number / 2},
        SPANS: {"text": text, "entities": [[5, 11, "noun"]]},
    }[task]


def goods(task: str, count: int = 40, **changes: Any) -> Rows:
    return [{**good(task, number), **changes} for number in range(count)]


def upload(client: APIClient, rows: Rows, task: str) -> Any:
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    body = {"file": SimpleUploadedFile("rows.jsonl", content), "task": task}
    return client.post("/v1/datasets", body, format="multipart")


def assert_untouched(client: APIClient, organization: OrganizationRef) -> None:
    """No job was made and nothing is held."""
    assert client.get("/v1/fine_tuning/jobs").json()["data"] == []
    balance = token_balance(organization)
    assert (balance.held, balance.consumed) == (0, 0)


@pytest.mark.parametrize(
    ("task", "rows", "code", "words"),
    [
        (ONE, goods(ONE, label="cat"), "single_class", "send a second class"),
        (MANY, goods(MANY, labels=["cat"]), "single_class", "send a second class"),
        (MANY, goods(MANY, labels=[]), "no_labels", "No row has a label"),
        (NUMBER, goods(NUMBER, label=3.5), "single_value", "nothing to learn"),
        (SPANS, goods(SPANS, entities=[]), "no_labels", "No row has a label"),
        *((task, goods(task, 1), "too_few_rows", "at least 10") for task in TASKS),
        *((task, goods(task, text=" \n"), "too_few_rows", "0 usable rows") for task in TASKS),
        (NUMBER, [*goods(NUMBER), {"text": "odd", "label": "NaN"}], "label_not_number", "4.5"),
        (NUMBER, [*goods(NUMBER), {"text": "odd", "label": 2e30}], "label_not_number", "1e30"),
        (NUMBER, [*goods(NUMBER), {"text": "odd", "label": "inf"}], "label_not_number", "4.5"),
        (SPANS, goods(SPANS, entities=[[1, 1, "x"]]), "entity_outside", "empty"),
    ],
)  # fmt: skip
def test_rows_that_teach_nothing_make_no_job(
    task: str,
    rows: Rows,
    code: str,
    words: str,
    client_api: APIClient,
    organization: OrganizationRef,
) -> None:
    dataset = upload(client_api, rows, task).json()
    assert dataset["status"] == "failed"
    assert code in {line["code"] for line in dataset["validation_report"]["errors"]}

    answer = create(client_api, training_file=dataset["id"])

    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (400, "dataset_invalid")
    assert error["param"] == "training_file"
    assert words in error["message"]
    assert_untouched(client_api, organization)


@pytest.mark.parametrize("tokens", [[], [""], [" "]])
def test_a_sentence_of_empty_tokens_is_refused_at_upload(
    tokens: list[str], client_api: APIClient, organization: OrganizationRef
) -> None:
    sentences = [{"tokens": [f"word{n}"], "tags": ["B-noun"]} for n in range(40)]
    rows = [*sentences, {"tokens": tokens, "tags": ["B-noun"] * len(tokens)}]
    answer = upload(client_api, rows, SPANS)
    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (400, "tags_malformed")
    assert "(row 41)" in error["message"]
    assert_untouched(client_api, organization)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", 1e9),
        ("learning_rate", "NaN"),
        ("learning_rate", -1),
        ("epochs", 10**9),
        ("n_epochs", 10**9),
        ("max_length", 10**7),
        ("batch_size", 10**9),
        ("warmup_fraction", "Infinity"),
    ],
)
def test_a_setting_out_of_bounds_makes_no_job(
    task: str,
    name: str,
    value: object,
    client_api: APIClient,
    organization: OrganizationRef,
) -> None:
    dataset = upload(client_api, goods(task), task).json()["id"]
    answer = create(client_api, training_file=dataset, hyperparameters={name: value})
    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (400, "hyperparameter_invalid")
    assert error["param"] == f"hyperparameters.{name}"
    assert_untouched(client_api, organization)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_json_lacks_makes_no_job(
    number: str, client_api: APIClient, organization: OrganizationRef
) -> None:
    body = json.dumps({"model": "minilm-l6", "training_file": make_dataset(organization)})
    body = body[:-1] + f', "hyperparameters": {{"learning_rate": {number}}}}}'
    answer = client_api.post("/v1/fine_tuning/jobs", body, content_type="application/json")
    assert (answer.status_code, error_of(answer)["code"]) == (400, "invalid_request")
    assert number in error_of(answer)["message"]
    assert_untouched(client_api, organization)


@pytest.mark.parametrize(
    ("task", "stranger"),
    [
        (ONE, {"text": "odd", "label": "bird"}),
        (MANY, {"text": "odd", "labels": ["cat", "bird"]}),
        (SPANS, {"text": "odd", "entities": [[0, 3, "bird"]]}),
    ],
)
def test_a_class_that_only_validation_rows_have_makes_no_job(
    task: str, stranger: dict[str, Any], client_api: APIClient, organization: OrganizationRef
) -> None:
    training = upload(client_api, goods(task), task).json()["id"]
    validation = upload(client_api, [*goods(task), stranger], task).json()["id"]
    answer = create(client_api, training_file=training, validation_file=validation)
    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (400, "training_data_unfit")
    assert error["param"] == "validation_file"
    assert_untouched(client_api, organization)


@pytest.mark.parametrize(
    ("task", "lone"),
    [
        (ONE, {"text": "odd", "label": "bird"}),
        (MANY, {"text": "odd", "labels": ["cat", "bird"]}),
        (SPANS, {"text": "odd", "entities": [[0, 3, "bird"]]}),
    ],
)
def test_a_class_of_one_row_is_never_absent_from_training(
    task: str, lone: dict[str, Any], client_api: APIClient
) -> None:
    dataset = upload(client_api, [*goods(task), lone], task).json()["id"]
    labels = client_api.get(f"/v1/datasets/{dataset}/stats").json()["labels"]
    assert labels["bird"] == {"train": 1, "validation": 0, "test": 0}
    assert create(client_api, training_file=dataset).json()["status"] == "queued"


@pytest.mark.parametrize("task", TASKS)
def test_a_row_without_an_answer_of_its_own_is_trained_on_where_that_means_something(
    task: str, client_api: APIClient
) -> None:
    """No label and no entity are answers; no class and no number are none, and are left out."""
    field = {MANY: "labels", SPANS: "entities"}.get(task, "label")
    bare = {"text": "odd", field: [] if field != "label" else ""}
    dataset = upload(client_api, [*goods(task), bare], task).json()
    kept = task in (MANY, SPANS)
    assert dataset["rows"] == 40 + kept
    assert create(client_api, training_file=dataset["id"]).json()["status"] == "queued"


@pytest.mark.parametrize("task", TASKS)
def test_a_row_of_a_hundred_thousand_words_is_held_as_cut(
    task: str, client_api: APIClient, organization: OrganizationRef
) -> None:
    long = {**good(task, 1), "text": "word " * 100_000}
    rows = [long | ({"entities": [[0, 4, "noun"]]} if task == SPANS else {}), *goods(task)]
    dataset = upload(client_api, rows, task).json()["id"]
    job = create(client_api, training_file=dataset, tier="head").json()
    assert job["status"] == "queued"
    assert 0 < job["quoted_tokens"] == token_balance(organization).held < 256 + 40 * 8


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    ("base", "status", "code", "fix"),
    [
        ("bert-giant", 404, "base_model_not_found", "GET /v1/models"),
        ("bert-base-uncased", 400, "base_model_absent", "base_add bert-base-uncased"),
        ("gpt2", 400, "base_model_untrainable", "choose a base of bert"),
    ],
)
def test_a_base_that_is_not_there_makes_no_job(
    task: str,
    base: str,
    status: int,
    code: str,
    fix: str,
    client_api: APIClient,
    organization: OrganizationRef,
) -> None:
    dataset = upload(client_api, goods(task), task).json()["id"]
    answer = create(client_api, training_file=dataset, model=base)
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["param"]) == (status, code, "model")
    assert fix in error["message"]
    assert_untouched(client_api, organization)
