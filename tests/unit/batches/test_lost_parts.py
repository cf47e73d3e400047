"""Parts that are gone from storage when a batch ends: their rows are errors, and given back."""

import csv
import io
from typing import Any

import pytest
from rest_framework.test import APIClient

from anneal.kernel.scopes import OrganizationRef, tenant_scope
from anneal.kernel.storage import object_delete
from mlworker.batches import finishing
from mlworker.batches.models import BatchChunk
from tests.unit.batches.factories import (
    MODEL,
    Engine,
    batch,
    content,
    jsonl,
    lines_of,
    made,
    predictions,
    work_all,
)
from tests.unit.batches.test_life import LINES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("small_chunks")]

NUMBERS = [f"row-{number}" for number in range(40)]


@pytest.fixture
def vanish(monkeypatch: pytest.MonkeyPatch, organization: OrganizationRef) -> Any:
    """Let what a chunk stored vanish before the files are put together."""

    def of(number: int, column: str, *, input_too: bool = False) -> None:
        put_together = finishing.batch_end

        def vanished(work: Any, *given: Any, **named: Any) -> None:
            with tenant_scope(organization):
                row = BatchChunk.objects.get(batch_id=work.claim.batch_id, number=number)
            for key in (getattr(row, column), *([work.input_key] * input_too)):
                object_delete(key)
            put_together(work, *given, **named)

        monkeypatch.setattr("mlworker.batches.running.batch_end", vanished)

    return of


def test_answers_that_are_gone_are_errors_and_given_back(
    client_api: APIClient, organization: OrganizationRef, engine: Engine, vanish: Any
) -> None:
    batch_id = made(client_api, jsonl(*LINES))
    vanish(2, "output_key")

    work_all()

    done = batch(client_api, batch_id)
    assert done["status"] == "completed"
    assert done["request_counts"] == {"total": 40, "completed": 32, "failed": 8}
    [told] = done["errors"]["data"]
    assert told["code"] == "batch_part_lost"
    assert "answered of 8 rows is gone" in told["message"]
    output = lines_of(client_api, done["output_file_id"])
    assert [line["custom_id"] for line in output] == NUMBERS[:8] + NUMBERS[16:]
    errors = lines_of(client_api, done["error_file_id"])
    assert [line["custom_id"] for line in errors] == NUMBERS[8:16]
    assert {line["error"]["code"] for line in errors} == {"batch_part_lost"}
    balance = predictions(organization)
    assert [done["charged"], balance.consumed, balance.held] == [32, 32, 0]


def test_rows_of_a_table_whose_answers_are_gone_stay_in_their_places(
    client_api: APIClient, organization: OrganizationRef, engine: Engine, vanish: Any
) -> None:
    texts = ["", *(f"A fine film, {number}." for number in range(19))]
    table = "text,n\n" + "".join(f'"{text}",{number}\n' for number, text in enumerate(texts))
    batch_id = made(client_api, table.encode(), "rows.csv", model=MODEL)
    vanish(1, "output_key")

    work_all()

    done = batch(client_api, batch_id)
    assert done["request_counts"]["completed"] == 12
    rows = list(csv.DictReader(io.StringIO(content(client_api, done["output_file_id"]).decode())))
    assert [(row["text"], row["n"]) for row in rows] == [
        (text, str(number)) for number, text in enumerate(texts)
    ]
    assert [bool(row["label"]) for row in rows] == [False] * 8 + [True] * 12
    codes = [line["error"]["code"] for line in lines_of(client_api, done["error_file_id"])]
    assert codes == ["invalid_request", *["batch_part_lost"] * 7]
    assert predictions(organization).consumed == 12


def test_reasons_that_are_gone_are_found_again(
    client_api: APIClient, organization: OrganizationRef, engine: Engine, vanish: Any
) -> None:
    bad = [{**LINES[0], "url": "/v1/other"}, {**LINES[1], "body": {"model": "x", "input": "x"}}]
    batch_id = made(client_api, jsonl(*LINES[2:], *bad))
    vanish(5, "error_key")

    work_all()

    done = batch(client_api, batch_id)
    assert (done["status"], done["errors"]) == ("completed", None)
    assert done["request_counts"] == {"total": 40, "completed": 38, "failed": 2}
    errors = lines_of(client_api, done["error_file_id"])
    assert [line["custom_id"] for line in errors] == ["row-0", "row-1"]
    assert [line["error"]["code"] for line in errors] == ["invalid_request", "row_invalid"]
    assert predictions(organization).consumed == 38


def test_without_its_input_a_batch_ends_with_what_there_is(
    client_api: APIClient, organization: OrganizationRef, engine: Engine, vanish: Any
) -> None:
    batch_id = made(client_api, jsonl(*LINES))
    vanish(3, "output_key", input_too=True)

    work_all()

    done = batch(client_api, batch_id)
    assert done["status"] == "completed"
    assert done["request_counts"] == {"total": 40, "completed": 32, "failed": 8}
    [told] = done["errors"]["data"]
    assert told["code"] == "batch_part_lost"
    assert "no file names them. The input file was deleted" in told["message"]
    assert len(lines_of(client_api, done["output_file_id"])) == 32
    assert done["error_file_id"] is None
    assert predictions(organization).consumed == 32
