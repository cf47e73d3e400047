"""Cross-validation and search in a real installation, with a real kill in a fold."""

import signal

from tests.live.training import HEAD, Customer, ImpatientInstallation, lora, trainer


def test_folds_survive_a_kill_and_are_paid_for_once(
    place: ImpatientInstallation, customer: Customer
) -> None:
    alone = customer.job(customer.submit(customer.dataset(), **lora(2)))
    customer.ended(alone["id"])
    job = customer.submit(customer.dataset(), **lora(2), cross_validation={"folds": 3})
    customer.wait(job, lambda row: (row["progress"].get("part") or "").startswith("fold 2"))
    customer.checkpointed(job, 1)
    trainer(place).send_signal(signal.SIGKILL)
    customer.wait(job, lambda _: "job.restarted" in customer.codes(job))
    done = customer.ended(job, 180)
    assert done["attempt"] == 2
    assert done["trained_tokens"] == done["quoted_tokens"] == 3 * alone["quoted_tokens"]
    customer.assert_once(alone["id"], job)
    result = done["cross_validation"]["result"]
    assert [fold["fold"] for fold in result["folds"]] == [1, 2, 3]
    assert result["calibration"]["temperature"] > 0
    found = customer.get(f"/fine_tuning/jobs/{job}/label_errors")
    assert found["total"] == result["label_errors"]
    assert all(row["text"] and row["suggested"] != row["label"] for row in found["data"])
    table = customer.call("GET", f"/fine_tuning/jobs/{job}/label_errors.csv")
    assert len(table.text.strip().splitlines()) >= 1 + min(found["total"], 1)
    assert customer.call("GET", f"/fine_tuning/jobs/{job}/out_of_fold.parquet").is_success


def test_a_search_in_tier_head_costs_no_more_than_the_model(customer: Customer) -> None:
    study = {"search": {"trials": 6}, "cross_validation": {"folds": 2}}
    job = customer.submit(customer.dataset(), **HEAD, **study)
    done = customer.ended(job)
    customer.assert_once(job)
    tried = done["search"]["result"]["tried"]
    assert [trial["number"] for trial in tried] == list(range(6))
    best = done["search"]["result"]["best"]
    assert {name: done["hyperparameters"][name] for name in best} == best
    assert len(done["cross_validation"]["result"]["folds"]) == 2
    assert done["progress"]["step"] == done["progress"]["total"]


def test_a_cancelled_search_keeps_what_it_has_tried(customer: Customer) -> None:
    job = customer.submit(customer.dataset(), **lora(3), search={"trials": 8})
    customer.wait(job, lambda row: (row["progress"].get("part") or "").startswith("run 2"))
    customer.post(f"/fine_tuning/jobs/{job}/cancel")
    done = customer.job(job)
    assert done["status"] == "cancelled"
    assert 0 < done["trained_tokens"] < done["quoted_tokens"]
    result = done["search"]["result"]
    assert [trial["stage"] for trial in result["tried"]] == ["cached"] * 8 + ["full"]
    assert result["best"]
    assert customer.tokens()["held"] == 0
