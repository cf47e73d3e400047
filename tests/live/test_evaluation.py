"""A head job on the sample leaves a report whose cells lead to rows and that can be printed."""

import json
import random
from typing import Any

from tenants.datasets.samples import NEGATIVE, POSITIVE, sample_reviews
from tests.live.machine import Installation
from tests.live.training import HEAD, Customer


def test_a_job_leaves_a_report_that_can_be_opened_and_printed(installation: Installation) -> None:
    customer = Customer(installation)
    job = customer.ended(customer.submit(customer.dataset(200), suffix="report", **HEAD))
    address = f"/models/{job['fine_tuned_model']}/evaluation"

    report = customer.get(address)

    assert report["split"] == "test"
    assert report["rows"] == job["metrics"]["test"]["rows"]
    assert report["accuracy"]["value"] == job["metrics"]["test"]["accuracy"]
    assert report["confusion"]["counts"] == job["metrics"]["test"]["confusion"]
    measured = {line["name"] for line in report["baselines"] if line["accuracy"] is not None}
    assert measured == {"majority", "tf_idf", "frozen_base"}
    assert report["speed"]["p50_ms"] > 0
    assert float(report["price_per_1000"]["amount"]) > 0
    for true, predicted, count in cells(report):
        page = customer.call(
            "GET", f"{address}/rows", params={"true": true, "predicted": predicted, "limit": 100}
        ).json()
        assert page["total"] == count
        assert all(row["text"] for row in page["data"])
    document = customer.call("GET", f"{address}.pdf", params={"language": "zh-Hans"})
    assert document.content.startswith(b"%PDF-")


def test_a_report_is_cut_by_the_further_columns_of_its_file(installation: Installation) -> None:
    customer = Customer(installation)
    # what came by phone is labelled by a coin, so no model can be good there
    chance = random.Random(3)
    lines = []
    for number, (text, label) in enumerate(sample_reviews(1_200)):
        source = ("web", "phone", "shop")[number % 3]
        given = chance.choice((POSITIVE, NEGATIVE)) if source == "phone" else label
        row = {"text": text, "label": given, "source": source, "customer": f"c {number}"}
        lines.append(json.dumps({**row, "pages": number % 40, "new": number % 7 == 0}))
    upload = {"file": ("reviews.jsonl", "\n".join(lines).encode(), "application/jsonl")}
    dataset = customer.call("POST", "/datasets", files=upload).json()["id"]
    job = customer.ended(customer.submit(dataset, suffix="wide", **HEAD))
    address = f"/models/{job['fine_tuned_model']}/evaluation"

    part = customer.get(address)["column_slices"]

    kinds = {column["column"]: column["kind"] for column in part["columns"]}
    assert kinds == {"new": "boolean", "pages": "number", "source": "category"}
    assert part["skipped"] == [{"column": "customer", "reason": "all_different"}]
    worse = [
        (column["column"], line["value"])
        for column in part["columns"]
        for line in column["slices"]
        if line["verdict"] == "worse"
    ]
    assert worse == [("source", "phone")]
    assert "phone" not in customer.messages(job["id"])
    assert customer.call("DELETE", f"/datasets/{dataset}").status_code == 200
    gone = customer.get(address)["column_slices"]
    assert gone["dataset_deleted"] is True
    assert {line["value"] for column in gone["columns"] for line in column["slices"]} == {None}


def cells(report: dict[str, Any]) -> list[tuple[str, str, int]]:
    """Return (true, predicted, rows) of every cell."""
    return [
        (true, predicted, count)
        for true, line in zip(report["labels"], report["confusion"]["counts"], strict=True)
        for predicted, count in zip(report["labels"], line, strict=True)
    ]
