"""Files of each task: told from their labels, read, refused by row, shared out."""

import io
import json
from collections import Counter
from typing import Any

import pytest
from rest_framework.test import APIClient

from tenants.datasets.build import upload_task
from tenants.datasets.errors import UploadRefused
from tenants.datasets.limits import DEFAULT
from tests.unit.datasets.helpers import built, codes, corpus, post_file, rows_of

WNUT = corpus("wnut17-ner-en")
NER, MANY, NUMBER = "token_classification", "multi_label_classification", "regression"
CONLL = "Alice\tB-person\nSmith\tI-person\nsaw\tO\nParis\tB-place\n\t\nParis\tB-place\nsleeps\tO\n"


def jsonl(*rows: dict[str, Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def chat(answer: str) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "user", "content": "Alice saw Paris"},
            {"role": "assistant", "content": answer},
        ]
    }


def numbers(count: int, step: float = 0.25) -> bytes:
    return "".join(["text,label\n", *(f"text {n},{n * step}\n" for n in range(count))]).encode()


def told(data: bytes, name: str) -> str:
    return upload_task(io.BytesIO(data), filename=name, mapping=None, limits=DEFAULT)


@pytest.mark.parametrize(
    ("name", "data", "task"),
    [
        ("a.csv", b"text,label\n" + b"fine,good\npoor,bad\n" * 3, "text_classification"),
        ("a.csv", b"text,label\n" + b"".join(b"t%d,%d\n" % (n, n % 5) for n in range(40)),
         "text_classification"),
        ("a.csv", numbers(40), NUMBER),
        ("a.csv", numbers(120, 1), NUMBER),
        ("a.csv", numbers(30, 1), "text_classification"),
        ("a.jsonl", jsonl(*({"text": f"t{n}", "score": n / 7} for n in range(40))), NUMBER),
        ("a.csv", b"text,label\na,x|y\nb,y\nc,x\nd,y|z\ne,z\nf,x|z\n", MANY),
        ("a.csv", b'text,label\na,"[""x"",""y""]"\nb,[]\n', MANY),
        ("a.jsonl", jsonl({"text": "a", "labels": ["x", "y"]}, {"text": "b", "labels": []}), MANY),
        ("a.jsonl", jsonl(chat('["x", "y"]'), chat("[]")), MANY),
        ("a.conll", CONLL.encode(), NER),
        ("a.txt", CONLL.encode(), NER),
        ("a.tsv", CONLL.encode(), NER),
        ("a.jsonl", jsonl({"tokens": ["Alice", "ran"], "ner_tags": ["B-person", "O"]}), NER),
        ("a.jsonl", jsonl({"text": "Alice ran", "entities": [[0, 5, "person"]]}), NER),
        ("a.jsonl", jsonl(chat('{"entities": [{"text": "Alice", "label": "person"}]}')), NER),
    ],
)  # fmt: skip
def test_the_task_is_told_from_the_labels(name: str, data: bytes, task: str) -> None:
    assert told(data, name) == task


def test_words_with_tags_become_a_text_and_its_spans() -> None:
    rows = rows_of(built(CONLL.encode() * 1 + _more(20), "a.conll", task=NER))

    assert (rows[0]["row_id"], rows[0]["text"]) == (1, "Alice Smith saw Paris")
    assert json.loads(rows[0]["label"]) == [[0, 11, "person"], [16, 21, "place"]]
    assert rows[1]["row_id"] == 6


def _more(count: int) -> bytes:
    return "".join(f"\nBob{n}\tB-person\nsaw\tO\nRome{n}\tS-place\n" for n in range(count)).encode()


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("I-x I-x O I-x", [[0, 3, "x"], [6, 7, "x"]]),
        ("B-x B-x I-x I-y", [[0, 1, "x"], [2, 5, "x"], [6, 7, "y"]]),
        ("B-x I-x E-x S-x", [[0, 5, "x"], [6, 7, "x"]]),
        ("B-x O O B-x", [[0, 1, "x"], [6, 7, "x"]]),
    ],
)
def test_every_way_to_tag_gives_its_spans(tags: str, spans: list[Any]) -> None:
    data = jsonl({"tokens": list("abcd"), "tags": tags.split()}, *_ner_rows(20))

    assert json.loads(rows_of(built(data, "a.jsonl", task=NER))[0]["label"]) == spans


def _ner_rows(count: int) -> list[dict[str, Any]]:
    return [
        {"text": f"Bob{n} saw x", "entities": [{"text": f"Bob{n}", "label": "x"}]}
        for n in range(count)
    ]


def test_a_corpus_of_tweets_is_read_whole() -> None:
    made = built((WNUT / "wnut17train.conll").read_bytes(), "wnut17train.conll", task=NER)

    spans = Counter(label for row in rows_of(made) for *_, label in json.loads(row["label"]))
    assert set(spans) == set(made.report.labels)
    assert len(spans) == 6
    # a few tweets come twice and are kept once
    assert 640 <= spans["person"] <= 660
    assert not made.report.errors
    assert min(made.splits.values()) > 0


@pytest.mark.parametrize(
    ("task", "name", "bad", "code"),
    [
        (NUMBER, "a.jsonl", {"text": "a", "label": "many"}, "label_not_number"),
        (NUMBER, "a.jsonl", {"text": "a", "label": "1e400"}, "label_not_number"),
        (NUMBER, "a.jsonl", {"text": "a", "label": "nan"}, "label_not_number"),
        (NUMBER, "a.jsonl", {"text": "a", "label": "1,5"}, "label_not_number"),
        (MANY, "a.jsonl", {"text": "a", "label": [1, 2]}, "labels_not_list"),
        (MANY, "a.jsonl", {"text": "a", "label": {"x": 1}}, "labels_not_list"),
        (NER, "a.jsonl", {"text": "a b", "label": "person"}, "entities_invalid"),
        (NER, "a.jsonl", {"text": "a b", "label": [[0, 9, "x"]]}, "entity_outside"),
        (NER, "a.jsonl", {"text": "a b", "label": [[1, 1, "x"]]}, "entity_outside"),
        (NER, "a.jsonl", {"text": "a b", "label": [[0, 1, ""]]}, "entities_invalid"),
        (NER, "a.jsonl", {"text": "a b", "label": [[0, 3, "x"], [2, 3, "y"]]}, "entity_overlap"),
        (NER, "a.jsonl", {"text": "a b", "label": [{"text": "c", "label": "x"}]}, "entity_outside"),
    ],
)
def test_a_label_that_is_none_is_an_error_with_its_row(
    task: str, name: str, bad: dict[str, Any], code: str
) -> None:
    good = {
        NUMBER: {"text": "good", "label": 1.5},
        MANY: {"text": "good", "label": ["x"]},
        NER: {"text": "good", "label": [[0, 4, "x"]]},
    }[task]
    made = built(jsonl(good, bad), name, task=task)

    assert [(line.code, line.row) for line in made.report.errors] == [(code, 2)]
    assert made.parquet is None


@pytest.mark.parametrize(
    ("name", "data", "code", "row"),
    [
        ("a.conll", b"Alice B-person\nran\n", "conll_malformed", 2),
        ("a.conll", b"Alice B-person\nran verb\n", "conll_malformed", 2),
        ("a.jsonl", jsonl({"tokens": ["a"], "tags": ["O", "O"]}), "tags_malformed", 1),
        ("a.jsonl", jsonl({"tokens": ["a"], "ner_tags": [3]}), "tags_malformed", 1),
        ("a.jsonl", jsonl({"tokens": [], "tags": []}), "tags_malformed", 1),
    ],
)
def test_a_file_that_breaks_off_is_refused_with_its_row(
    name: str, data: bytes, code: str, row: int
) -> None:
    with pytest.raises(UploadRefused) as caught:
        built(data, name, task=NER)
    assert (caught.value.code, caught.value.row) == (code, row)


def test_a_list_where_one_label_belongs_is_still_refused() -> None:
    rows = jsonl({"text": "a", "label": "x"}, {"text": "b", "label": ["y"]})
    assert told(rows, "a.jsonl") == "text_classification"
    with pytest.raises(UploadRefused, match="has to be text"):
        built(rows, "a.jsonl")


def test_parts_share_numbers_evenly_and_labels_by_the_rarest() -> None:
    made = built(numbers(400), task=NUMBER)
    values = [(row["split"], float(row["label"])) for row in rows_of(made)]
    means = {
        split: sum(value for part, value in values if part == split) / made.splits[split]
        for split in made.splits
    }
    assert max(means.values()) - min(means.values()) < 10
    assert made.report.labels == {}
    assert made.statistics["numbers"]["max"] == 99.75

    rare = [{"text": f"r{n}", "label": ["rare", "common"]} for n in range(3)]
    often = [{"text": f"c{n}", "label": ["common"] if n % 2 else []} for n in range(60)]
    many = built(jsonl(*rare, *often), "a.jsonl", task=MANY)
    assert many.statistics["labels"]["rare"] == {"train": 1, "validation": 1, "test": 1}
    assert many.report.labels == {"common": 33, "rare": 3}


def test_no_label_is_seen_outside_training_alone() -> None:
    """Each row of label a also has a rarer one, so that shares are not drawn by a."""
    rows = [{"text": f"t{n}", "label": ["a", f"pair {n // 2}"]} for n in range(8)] + [
        {"text": f"u{n}", "label": []} for n in range(40)
    ]
    made = built(jsonl(*rows), "a.jsonl", task=MANY)

    trained = {
        label
        for row in rows_of(made)
        for label in json.loads(row["label"])
        if row["split"] == "train"
    }
    assert trained == set(made.report.labels)


@pytest.mark.parametrize(
    ("task", "rows", "code"),
    [
        (NUMBER, [{"text": f"t{n}", "label": 3} for n in range(30)], "single_value"),
        (NUMBER, [{"text": f"t{n}", "label": 1.7e9 + n} for n in range(30)], "values_too_close"),
        (MANY, [{"text": f"t{n}", "label": []} for n in range(30)], "no_labels"),
        (MANY, [{"text": f"t{n}", "label": ["x", "y"]} for n in range(30)], "single_class"),
        (NER, [{"text": f"t{n}", "label": []} for n in range(30)], "no_labels"),
        (NUMBER, [{"text": f"t{n}", "label": n} for n in range(5)], "too_few_rows"),
    ],
)
def test_data_with_nothing_to_learn_is_an_error(
    task: str, rows: list[dict[str, Any]], code: str
) -> None:
    assert code in codes(built(jsonl(*rows), "a.jsonl", task=task))


@pytest.mark.parametrize("odd", range(30))
def test_the_one_number_that_differs_is_trained_on(odd: int) -> None:
    rows = [{"text": f"t{n}", "label": 4.5 if n == odd else 3} for n in range(30)]
    made = built(jsonl(*rows), "a.jsonl", task=NUMBER)
    assert not made.report.errors
    assert {row["label"] for row in rows_of(made) if row["split"] == "train"} == {"3.0", "4.5"}


def test_large_numbers_that_differ_enough_are_read() -> None:
    rows = [{"text": f"t{n}", "label": 1.7e9 + 3_600 * n} for n in range(30)]
    assert not built(jsonl(*rows), "a.jsonl", task=NUMBER).report.errors


def test_the_api_tells_the_task_shows_targets_and_finds_labels(client_api: APIClient) -> None:
    data = jsonl(*_ner_rows(30), {"text": "in Rome", "entities": [[3, 7, "place"]]})
    preview = post_file(client_api, "/v1/datasets/preview", data, "a.jsonl").json()
    assert (preview["task"], preview["validation_report"]["errors"]) == (NER, [])

    dataset = post_file(client_api, "/v1/datasets", data, "a.jsonl").json()
    assert (dataset["task"], dataset["labels"]) == (NER, {"place": 1, "x": 30})
    address = f"/v1/datasets/{dataset['id']}/rows"
    found = client_api.get(address, {"label": "place"}).json()["data"]
    assert [row["target"] for row in found] == [[{"start": 3, "end": 7, "label": "place"}]]
    assert len(client_api.get(address, {"label": "x", "limit": 100}).json()["data"]) == 30


def test_a_task_asked_for_wins_and_an_unknown_one_is_refused(client_api: APIClient) -> None:
    data = b"text,label\n" + b"".join(b"text %d,%d\n" % (n, n % 5) for n in range(40))
    dataset = post_file(client_api, "/v1/datasets", data, task=NUMBER).json()
    assert (dataset["task"], dataset["labels"]) == (NUMBER, {})
    stats = client_api.get(f"/v1/datasets/{dataset['id']}/stats").json()
    assert stats["numbers"]["mean"] == pytest.approx(2.0)

    for path in ("/v1/datasets", "/v1/datasets/preview"):
        refused = post_file(client_api, path, data, task="poetry")
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "task_unsupported")


@pytest.mark.parametrize("escape", ["\\ud800", "\\u0000"])
@pytest.mark.parametrize(
    ("task", "cell", "code"),
    [
        (MANY, '[""x%s""]', "labels_not_list"),
        (NER, '[[0,1,""x%s""]]', "entities_invalid"),
    ],
)
def test_an_escape_inside_a_cell_is_looked_at_too(
    task: str, cell: str, code: str, escape: str
) -> None:
    rows = f'text,label\na b,"{cell % escape}"\n'
    assert codes(built(rows.encode(), task=task))[code] == 1
