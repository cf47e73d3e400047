"""Entities from words with tags to marked spans, through the public API."""

import httpx

from tests.live.machine import Installation
from tests.live.training import Customer

NAMES = ("Alice", "Bob", "Carol", "David", "Emma", "Frank", "Grace", "Henry")
PLACES = ("Paris", "London", "Berlin", "Madrid", "Vienna", "Oslo")


def conll() -> bytes:
    sentences = [
        f"{greeting}{name}\tB-person\nflew\tO\nto\tO\n{place}\tB-place\nin\tO\n{year}\tO\n\n"
        for year, greeting in ((1999, ""), (2012, "😀\tO\n"))
        for name in NAMES
        for place in PLACES
    ]
    return "".join(sentences).encode()


def test_words_with_tags_become_a_model_that_marks_entities(installation: Installation) -> None:
    customer = Customer(installation)
    made = customer.call(
        "POST", "/datasets", files={"file": ("travel.conll", conll(), "text/plain")}
    ).json()
    assert (made["task"], made["status"]) == ("token_classification", "ready")

    folds = {"cross_validation": {"folds": 2}}
    job = customer.ended(customer.submit(made["id"], tier="head", seed=7, **folds))
    customer.assert_once(job["id"])
    judged = job["cross_validation"]["result"]
    assert [fold["rows"] for fold in judged["folds"]] == [38, 38]
    assert judged["mean"]["f1"] >= 0.9
    assert judged["label_errors"] is None
    missing = customer.call("GET", f"/fine_tuning/jobs/{job['id']}/label_errors")
    assert missing.json()["error"]["code"] == "label_errors_missing"
    table = customer.call("GET", f"/fine_tuning/jobs/{job['id']}/out_of_fold.parquet")
    assert table.content.startswith(b"PAR1")
    model = job["fine_tuned_model"]
    assert job["metrics"]["test"]["f1"] >= 0.9
    report = customer.get(f"/models/{model}/evaluation")
    assert [figure["name"] for figure in report["figures"]] == ["f1", "precision", "recall"]
    assert (report["confusion"], report["labels"]) == (None, ["person", "place"])
    pdf = customer.call("GET", f"/models/{model}/evaluation.pdf")
    assert pdf.content.startswith(b"%PDF")
    customer.post("/deployments", {"name": "travel", "model": model})

    text = "😀 Emma flew to Oslo in 2012"
    answer = customer.post("/classify", {"model": "travel", "input": [text, "Nothing here."]})

    found = answer["data"][0]["entities"]
    assert [(one["text"], one["label"]) for one in found] == [("Emma", "person"), ("Oslo", "place")]
    assert all(text[one["start"] : one["end"]] == one["text"] for one in found)
    assert answer["usage"]["predictions"] == 2
    refused = customer.call("POST", "/classify", json={"model": "travel", "input": "x", "top_k": 2})
    assert refused.json()["error"]["param"] == "top_k"
    told = httpx.post(
        f"{installation.url}/hf/models/travel",
        headers={"Authorization": f"Bearer {customer.key}"},
        json={"inputs": text},
        timeout=30,
    )
    assert [one["entity_group"] for one in told.json()] == ["person", "place"]
    assert told.headers["x-units"] == "1"
