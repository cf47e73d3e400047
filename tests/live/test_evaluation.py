"""A head job on the sample leaves a report whose cells lead to rows and that can be printed."""

from typing import Any

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


def cells(report: dict[str, Any]) -> list[tuple[str, str, int]]:
    """Return (true, predicted, rows) of every cell."""
    return [
        (true, predicted, count)
        for true, line in zip(report["labels"], report["confusion"]["counts"], strict=True)
        for predicted, count in zip(report["labels"], line, strict=True)
    ]
