"""Further columns are kept with their rows, and change nothing else about them."""

import json

import pytest
from rest_framework.test import APIClient

from anneal.kernel.scopes import OrganizationRef, tenant_scope
from tenants.datasets.contracts import ColumnMapping, Split
from tenants.datasets.errors import UploadRefused
from tenants.datasets.limits import Limits
from tenants.datasets.models import DatasetVersion
from tenants.datasets.reading import ONE_HOT
from tenants.datasets.selectors import dataset_meta, dataset_version_read
from tests.unit.datasets.helpers import built, codes, csv_of, good_rows, post_file, rows_of
from tests.unit.factories import error_of

ROWS = good_rows(40)
SOURCES = ("web", "phone", "shop")


def with_columns(rows: list[tuple[str, str]] = ROWS) -> bytes:
    lines = [
        f"{n},{text},{label},{SOURCES[n % 3]},{n * 10}" for n, (text, label) in enumerate(rows)
    ]
    return "\n".join(["id,text,label,source,price", *lines, ""]).encode()


def as_json(rows: list[tuple[str, str]] = ROWS) -> list[dict[str, object]]:
    return [
        {"text": text, "label": label, "source": SOURCES[n % 3], "new": n % 2 == 0, "price": n / 4}
        for n, (text, label) in enumerate(rows)
    ]


def metas(data: bytes, name: str = "a.csv", **asked: object) -> list[dict[str, object]]:
    rows = rows_of(built(data, name, **asked))  # type: ignore[arg-type] # a mapping or limits
    return [json.loads(row["meta"] or "{}") for row in rows]


@pytest.mark.parametrize(("name", "mark"), [("a.csv", ","), ("a.tsv", "\t"), ("b.csv", ";")])
def test_cells_of_delimited_files_are_kept_as_texts(name: str, mark: str) -> None:
    found = metas(with_columns().replace(b",", mark.encode()), name)
    assert found[:2] == [
        {"id": "0", "price": "0", "source": "web"},
        {"id": "1", "price": "10", "source": "phone"},
    ]


@pytest.mark.parametrize("array", [True, False])
def test_values_of_json_files_are_kept_as_they_come(array: bool) -> None:
    rows = as_json()
    lines = "\n".join(json.dumps(row) for row in rows)
    data = json.dumps(rows) if array else lines
    assert metas(data.encode(), "a.json")[1] == {"new": False, "price": 0.25, "source": "phone"}


def test_what_is_missing_is_not_there() -> None:
    rows = as_json()
    rows[0]["source"], rows[1]["source"], rows[2]["source"] = None, "  ", ""
    del rows[3]["source"]
    found = metas("\n".join(map(json.dumps, rows)).encode(), "a.jsonl")
    assert ["source" in meta for meta in found[:5]] == [False, False, False, False, True]


def test_words_with_tags_and_chats_keep_their_other_keys() -> None:
    spans = [
        {"tokens": [f"Ann{n}", "left"], "tags": ["B-who", "O"], "source": SOURCES[n % 3]}
        for n in range(12)
    ]
    data = "\n".join(map(json.dumps, spans)).encode()
    found = rows_of(built(data, "a.jsonl", task="token_classification"))
    assert json.loads(found[1]["meta"]) == {"source": "phone"}
    chats = [
        {
            "messages": [
                {"role": "user", "content": text},
                {"role": "assistant", "content": label},
            ],
            "turns": n,
        }
        for n, (text, label) in enumerate(ROWS)
    ]
    assert metas("\n".join(map(json.dumps, chats)).encode(), "a.jsonl")[7] == {"turns": 7}


def test_columns_of_0_and_1_that_are_the_labels_are_no_further_ones() -> None:
    lines = [f"t {n},{n % 2},{n // 2 % 2},{SOURCES[n % 3]}" for n in range(30)]
    data = "\n".join(["text,toxic,rude,source", *lines]).encode()
    made = built(data, task="multi_label_classification")
    assert made.mapping == ColumnMapping("text", ONE_HOT, ("source",))
    alone = built(data, mapping=ColumnMapping("text", "toxic"))
    assert alone.mapping.meta == ("rude", "source")


def test_rows_splits_and_hash_without_further_columns_are_those_of_text_and_label() -> None:
    plain, wide = built(csv_of(ROWS)), built(with_columns())
    asked = built(with_columns(), mapping=ColumnMapping("text", "label", ()))
    empty = built(csv_of([(text, f"{label},") for text, label in ROWS], "text,label,note"))
    assert [row["split"] for row in rows_of(plain)] == [row["split"] for row in rows_of(wide)]
    assert plain.content_hash == asked.content_hash == empty.content_hash != wide.content_hash
    assert plain.parquet is not None
    assert empty.parquet is not None
    assert plain.parquet.seek(0) == empty.parquet.seek(0) == 0
    assert plain.parquet.read() == empty.parquet.read()
    assert empty.mapping.meta == ()


def test_the_hash_depends_on_values_and_not_on_the_columns_order() -> None:
    turned = "\n".join(
        ",".join(line.split(",")[::-1]) for line in with_columns().decode().splitlines()
    )
    same, other = with_columns(), with_columns().replace(b"web", b"app")
    assert built(same).content_hash == built(turned.encode()).content_hash
    assert built(same).content_hash != built(other).content_hash


def test_a_repeated_row_is_repeated_whatever_its_further_columns_say() -> None:
    data = csv_of(
        [(text, f"{label},{n}") for n, (text, label) in enumerate(ROWS * 2)], "text,label,n"
    )
    assert codes(built(data))["duplicate_rows"] == 40
    assert metas(data)[-1] == {"n": "39"}


def test_what_is_too_large_is_left_out_and_named_and_never_an_error() -> None:
    limits = Limits(meta_columns=2, meta_characters=20)
    header = "text,label,long,source,extra,more," + "n" * 21
    lines = [
        f"{text},{label},{'x' * (20 + n % 2)},web,1,2,3" for n, (text, label) in enumerate(ROWS)
    ]
    made = built("\n".join([header, *lines]).encode(), limits=limits)
    assert made.report.errors == ()
    said = {line.code: (line.column, line.count, line.row) for line in made.report.warnings}
    assert said == {
        "meta_columns_left_out": ("extra, more", 2, None),
        "meta_name_too_long": ("n" * 21, 1, None),
        "meta_too_long": ("long", 20, 3),
    }
    assert made.mapping.meta == ("long", "source")
    assert [json.loads(row["meta"]).keys() for row in rows_of(made)[:2]] == [
        {"long", "source"},
        {"source"},
    ]


@pytest.mark.parametrize("value", [[1], {"a": 1}, 1e999])
def test_values_that_are_no_plain_ones_are_left_out(value: object) -> None:
    rows = [{**row, "source": value} for row in as_json()]
    lines = "\n".join(map(json.dumps, rows)).replace("Infinity", "1e999")
    made = built(lines.encode(), "a.jsonl")
    assert codes(made)["meta_not_plain"] == 40
    assert made.mapping.meta == ("new", "price")


def test_a_request_chooses_columns_in_the_files_own_names() -> None:
    made = built(with_columns(), mapping=ColumnMapping("text", "label", (" PRICE",)))
    assert made.mapping.meta == ("price",)
    assert rows_of(made)[3]["meta"] == '{"price":"30"}'
    for name, code in (("nowhere", "column_not_found"), ("text", "column_mapping_invalid")):
        with pytest.raises(UploadRefused) as caught:
            built(with_columns(), mapping=ColumnMapping("text", "label", (name,)))
        assert caught.value.code == code


@pytest.mark.django_db
def test_the_api_keeps_shows_and_forgets_them(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    mapping = '{"text": "text", "label": "label", "meta": ["source", "price"]}'
    answer = post_file(
        client_api, "/v1/datasets", with_columns(), name="wide", column_mapping=mapping
    )
    dataset = answer.json()
    assert dataset["latest_version"]["column_mapping"]["meta"] == ["source", "price"]
    address = f"/v1/datasets/{dataset['id']}"
    rows = client_api.get(f"{address}/rows", {"limit": 2}).json()["data"]
    assert [row["meta"] for row in rows] == [
        {"source": "web", "price": "0"},
        {"source": "phone", "price": "10"},
    ]
    with tenant_scope(organization):
        version = DatasetVersion.objects.latest("id")
        read = {
            "organization": organization,
            "version_id": version.id,
        }
        assert "meta" not in dataset_version_read(**read, split=Split.TRAIN).column_names
        assert dataset_version_read(**read, split=Split.TEST, meta=True)["meta"].null_count == 0
        assert dataset_meta(**read, row_ids=[3]) == {3: {"source": "phone", "price": "10"}}
    assert client_api.delete(address).status_code == 200
    with tenant_scope(organization):
        assert dataset_meta(**read, row_ids=[3]) is None


@pytest.mark.django_db
def test_a_mapping_of_the_wrong_shape_is_refused(client_api: APIClient) -> None:
    mapping = '{"text": "text", "label": "label", "meta": "source"}'
    answer = post_file(
        client_api, "/v1/datasets", with_columns(), name="wide", column_mapping=mapping
    )
    assert error_of(answer)["code"] == "column_mapping_invalid"
