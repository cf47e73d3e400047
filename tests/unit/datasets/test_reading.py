"""CSV, TSV, JSONL and JSON arrays, as people and spreadsheets write them."""

import io
import json

import pytest

from tenants.datasets.errors import UploadRefused
from tenants.datasets.limits import DEFAULT, Limits
from tenants.datasets.reading import Table, table_open
from tests.unit.datasets.helpers import built, csv_of, good_rows, rows_of


def opened(data: bytes, name: str = "a.csv", limits: Limits = DEFAULT) -> Table:
    return table_open(io.BytesIO(data), name, limits)


def refusal(data: bytes, name: str = "a.csv", limits: Limits = DEFAULT) -> UploadRefused:
    with pytest.raises(UploadRefused) as caught:
        built(data, name, limits=limits)
    return caught.value


def test_quotes_commas_and_line_breaks_stay_in_their_cell() -> None:
    table = opened(b'text,label\r\n"one, ""two""\r\nthree",good\r\n')
    assert table.sample == [(2, ['one, "two"\r\nthree', "good"])]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_separator_of_a_csv_is_found_in_its_header(mark: str) -> None:
    table = opened(f"text{mark}label\nfine{mark}good\n".encode())
    assert table.columns == ("text", "label")


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (b"text\tlabel\na\tb\n", "a.tsv", "tsv"),
        (b"text\tlabel\na\tb\n", "upload", "tsv"),
        (b"text,label\na,b\n", "upload", "csv"),
        (b'{"text": "a", "label": "b"}\n', "upload", "jsonl"),
        (b'{"text": "a", "label": "b"}\n', "a.json", "jsonl"),
        (b'[{"text": "a", "label": "b"}]', "a.json", "json"),
        (b' \n[{"text": "a", "label": "b"}]', "a.jsonl", "json"),
    ],
)
def test_the_format_is_told_by_name_and_content(data: bytes, name: str, kind: str) -> None:
    table = opened(data, name)
    assert table.format == kind
    assert table.columns == ("text", "label")
    assert table.sample_rows(1) == ({"text": "a", "label": "b"},)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", csv_of(good_rows())),
        ("a.jsonl", b'{"text": "a", "label": "b"}\n'),
        ("a.json", b'[{"text": "a", "label": "b"}]'),
    ],
)
def test_a_byte_order_mark_is_no_part_of_the_first_name(name: str, data: bytes) -> None:
    assert opened(b"\xef\xbb\xbf" + data, name).columns == ("text", "label")


def test_short_rows_are_filled_and_blank_lines_skipped() -> None:
    table = opened(b"text,label,note\na,b\n\nc,d,e\n")
    assert table.sample == [(2, ["a", "b", ""]), (3 + 1, ["c", "d", "e"])]


def test_a_row_wider_than_the_header_is_refused_with_its_number() -> None:
    fault = refusal(b"text,label\na,b\ngreat, really great,good\n")
    assert (fault.code, fault.row) == ("csv_row_width", 3)
    assert "quotes" in fault.text


@pytest.mark.parametrize("tail", [b'"never closed,b\n', b'"half"quoted,b\n'])
def test_quotes_that_do_not_match_are_refused_with_the_row(tail: bytes) -> None:
    fault = refusal(b"text,label\na,b\n" + tail)
    assert (fault.code, fault.row) == ("csv_malformed", 3)


def test_columns_without_or_with_the_same_name_get_one_of_their_own() -> None:
    table = opened(b"text,,label,label\na,b,c,d\n")
    assert table.columns == ("text", "column 2", "label", "label (2)")
    assert [note.code for note in table.notes] == ["column_renamed"]


def test_json_rows_may_have_different_keys_and_plain_values() -> None:
    lines = [{"text": "a", "label": 1}, {"label": True, "text": "b", "x": None}, {"text": "c"}]
    table = opened("\n".join(map(json.dumps, lines)).encode(), "a.jsonl")
    assert table.columns == ("text", "label", "x")
    assert [row["label"] for row in table.sample_rows(3)] == ["1", "true", ""]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_every_json_row_is_read_whatever_the_file_is_cut_into(name: str) -> None:
    rows = [{"text": f"{n} " + "汉字\n" * (n % 9000), "label": "ab"[n % 2]} for n in range(60)]
    texts = [json.dumps(row, ensure_ascii=n % 2 == 0) for n, row in enumerate(rows)]
    data = "\n".join(texts) if name == "a.jsonl" else f"[{' , '.join(texts)}]"
    read = rows_of(built(data.encode(), name))
    assert [(row["text"], row["label"]) for row in read] == [
        (row["text"], row["label"]) for row in rows
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"prompt": "a", "completion": "b"}, ("a", "b")),
        ({"text": "a", "label": "b"}, ("a", "b")),
        (
            {
                "messages": [
                    {"role": "system", "content": "Classify."},
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "content": "b"},
                ]
            },
            ("a", "b"),
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": "early"},
                    {"role": "assistant", "content": "answer"},
                    {"role": "user", "content": [{"type": "text", "text": "a"}]},
                    {"role": "assistant", "content": "b", "weight": 1},
                ]
            },
            ("a", "b"),
        ),
    ],
)
def test_openai_rows_are_text_and_label(row: dict[str, object], expected: tuple[str, str]) -> None:
    lines = [json.dumps(row), *(json.dumps({"text": t, "label": c}) for t, c in good_rows())]
    table = opened(lines[0].encode(), "a.jsonl")
    assert tuple(table.sample_rows(1)[0].values()) == expected


@pytest.mark.parametrize(
    "messages",
    [
        "text",
        [],
        ["a", "b"],
        [{"role": "user", "content": "a"}],
        [{"role": "assistant", "content": "b"}],
        [{"role": "user", "content": None}, {"role": "assistant", "content": "b"}],
        [{"role": "user", "content": [{"type": "image"}]}, {"role": "assistant", "content": "b"}],
    ],
)
def test_chats_without_a_question_and_an_answer_are_refused(messages: object) -> None:
    fault = refusal(json.dumps({"messages": messages}).encode(), "a.jsonl")
    assert (fault.code, fault.row) == ("messages_malformed", 1)


@pytest.mark.parametrize(
    ("data", "name", "code", "row"),
    [
        (b"", "a.csv", "file_empty", None),
        (b"\n\n", "a.csv", "file_empty", None),
        (b"text,label\n", "a.csv", "file_empty", None),
        (b"[]", "a.json", "file_empty", None),
        (b"\n\n", "a.jsonl", "file_empty", None),
        (b'{"text": "a"}\n{"text": }\n', "a.jsonl", "json_malformed", 2),
        (b'{"text": NaN}\n', "a.jsonl", "json_malformed", 1),
        (b'{"text": -Infinity}\n', "a.jsonl", "json_malformed", 1),
        (b'{"text": ' + b"1" * 5000 + b"}\n", "a.jsonl", "json_malformed", 1),
        (b'"text"\n', "a.jsonl", "json_not_objects", 1),
        (b'[{"text": "a"}, 1]', "a.json", "json_not_objects", 2),
        (b'[{"text": "a"}', "a.json", "json_malformed", 1),
        (b'[{"text": "a"},', "a.json", "json_malformed", 2),
        (b'[{"text": "a"} {"text": "b"}]', "a.json", "json_malformed", 1),
        (b'[{"text": "a"}] tail', "a.json", "json_malformed", 1),
        (b'[{"text": ' + b"9" * 5000 + b"}]", "a.json", "json_malformed", 1),
        (b'{"a": {"b": "\\ud800"}}\n', "a.jsonl", "lone_surrogate", 1),
        (b'[{"a\\udc00": 1}]', "a.json", "lone_surrogate", 1),
        (b'{"text": "a\\u0000"}\n', "a.jsonl", "nul_character", 1),
        (b'{"text": ["\\u0000"]}\n', "a.jsonl", "nul_character", 1),
        (b'[{"text": "a\0"}]', "a.json", "nul_character", 1),
        (b"text,label\na,b\nc\0,d\n", "a.csv", "nul_character", 3),
        (b"text,label\na,b\n\xff\xfe,d\n", "a.csv", "unsupported_encoding", 3),
        (b'[{"text": "\xff"}]', "a.json", "unsupported_encoding", 1),
        (b'{"text": "\xff"}', "a.jsonl", "unsupported_encoding", 1),
        ("text,label\na,b\n".encode("utf-16"), "a.csv", "unsupported_encoding", None),
        ("text,label\na,b\n".encode("utf-16-le"), "a.csv", "unsupported_encoding", None),
        ("text,label\na,b\n".encode("utf-32"), "a.csv", "unsupported_encoding", None),
        (b'{"text": ["a"], "label": "b"}\n', "a.jsonl", "cell_not_text", 1),
        (b"PK\x03\x04rest", "a.csv", "unsupported_format", None),
        (b"PAR1rest", "a.parquet", "unsupported_format", None),
        (b"\x1f\x8b\x08\x00", "a.csv.gz", "unsupported_format", None),
        (b"\x80\x04\x95rest", "a.pkl", "unsupported_format", None),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_own_code_and_row(
    data: bytes, name: str, code: str, row: int | None
) -> None:
    fault = refusal(data, name)
    assert (fault.code, fault.row) == (code, row)
    assert 400 <= fault.status < 500


def test_an_escaped_backslash_before_u0000_is_plain_text() -> None:
    table = opened(b'{"text": "\\\\u0000"}\n', "a.jsonl")
    assert table.sample_rows(1) == ({"text": "\\u0000"},)


def test_chinese_text_saved_by_excel_is_recognised() -> None:
    fault = refusal("text,label\n很好吃，送得也快,好评\n".encode("gb18030"))
    assert fault.code == "unsupported_encoding"
    assert "GBK" in fault.text
