"""What a hostile or clumsy caller may send: bodies, queries, ids, headers. Plain data."""

import json
from typing import Any, Final

JSON: Final = "application/json"
FORM: Final = "multipart/form-data; boundary=B"
FIELDS: Final = (
    "name", "model", "training_file", "email", "role", "scopes", "expires_at", "file", "purpose",
    "column_mapping", "token", "canary", "prediction", "label", "rating", "comment", "theme",
    "hyperparameters", "method", "metadata", "max_charge", "seed", "suffix", "tier", "language",
    "environment", "reason", "task", "validation_file", "url", "description", "event_types",
    "enabled", "since", "percent", "rules", "labels", "fields", "threshold", "abstain_label",
    "top_k", "force", "days", "texts", "redact", "words",
)  # fmt: skip
VALUES: Final[tuple[Any, ...]] = (
    None, [], {}, True, -1, 10**30, 1e308, [[]], {"a": {"b": [1]}}, "\u202e😀" * 500, "x" * 70_000,
    ["x"] * 5_000, "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+14:00", "NaN", "",
)  # fmt: skip
CSV: Final = b"text,label\ngood,a\nbad,b\n"


def nested(levels: int) -> bytes:
    return b'{"model":' * levels + b"1" + b"}" * levels


def field(name: bytes, value: bytes, *, filename: bytes | None = None, more: bytes = b"") -> bytes:
    """One part of a form whose boundary is B."""
    suffix = b'; filename="' + filename + b'"' if filename is not None else b""
    head = b'--B\r\nContent-Disposition: form-data; name="' + name + b'"' + suffix + more
    return head + b"\r\n\r\n" + value + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--B--\r\n"


FILE: Final = field(b"file", CSV, filename=b"a.csv")
PURPOSE: Final = field(b"purpose", b"fine-tune")

JSON_BODIES: Final = (
    b"", b"null", b"[]", b"0", b'"x"', b"{", b"\xff\xfe", b"\xef\xbb\xbf{}", b'{"name":"\\u0000"}',
    b'{"name":"\\ud800"}', b'{"name":NaN}', b'{"name":1e999,"seed":1e999,"max_charge":1e999}',
    b'{"seed":' + b"9" * 5_000 + b"}", nested(63), nested(200), nested(900), nested(100_000),
    b'{"hyperparameters":' + b"[" * 900 + b"]" * 900 + b"}", b"x" * 1_100_000,
)  # fmt: skip
FORM_BODIES: Final = (
    b"", b"--B", b"--B--", form(field(b"file", CSV, filename=b"")), form(field(b"file", b"text")),
    form(field(b"file", CSV, filename=b"\x00.csv"), PURPOSE),
    form(field(b"file", CSV, filename=b"\xff\xff.csv"), PURPOSE),
    form(field(b"file", CSV, filename=b"a" * 300 + b".csv"), PURPOSE),
    form(field(b"file", CSV, filename=b"../../etc/passwd"), PURPOSE),
    form(field(b"file", CSV, filename=b"&#10;&#0;x.csv"), PURPOSE),
    form(FILE, field(b"purpose", b"\x00")), form(FILE, field(b"purpose", b"\xff\xfe")),
    form(FILE, field(b"name", b"\x00")), form(FILE, field(b"name", b"x" * 3_000_000)),
    form(FILE, field(b"column_mapping", b'{"text":"\\u0000","label":1}')),
    form(FILE, field(b"column_mapping", nested(900))),
    form(*[FILE] * 101), form(*[field(b"name", b"x")] * 1_001),
    form(
        field(
            b"file", b"!!!", filename=b"a.csv", more=b"\r\nContent-Transfer-Encoding: base64"
        )
    ),
)  # fmt: skip
TYPES: Final = (
    "", "///", ";", "text/plain", "image/png", "application/json;;;=", "multipart/form-data",
    "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "B" * 300,
    "multipart/mixed; boundary=B", "application/x-www-form-urlencoded",
    *(
        f"{kind}; charset={charset}"
        for kind in (JSON, FORM, "application/x-www-form-urlencoded")
        for charset in ("base64", "idna", "rot13", "utf-16", "utf-7", "nonsense")
    ),
)  # fmt: skip
FIELD_BODIES: Final = (
    *((JSON, body) for body in JSON_BODIES if body in b"null[]0" or body.startswith(b'{"')),
    *((JSON, json.dumps(dict.fromkeys(FIELDS, value)).encode()) for value in VALUES),
)
"""JSON whose fields are nonsense: only a route's own code can refuse it."""
STRANGE_BODIES: Final = (
    *((JSON, body) for body in JSON_BODIES if (JSON, body) not in FIELD_BODIES),
    *((FORM, body) for body in FORM_BODIES),
    *((kind, form(FILE, PURPOSE)) for kind in TYPES),
)
QUERIES: Final = (
    "after=%00", "after=x", "after=%ff", "after=" + "a" * 5_000, "after=9999999999999999999999",
    "limit=", "limit=-1", "limit=99999999999999999999", "limit=%D9%A3", "limit=1e2",
    "start_time=99999999999999", "end_time=0", "page=z", "bucket_width=%00", "group_by[]=%00",
    "action=%00", "target=%ff", "purpose=%00", "version=%00", "version=ds_", "split=x",
    "label=%00", "search=%00", "search=%ed%a0%80", "search=(", "organization=%00", "format=html",
    "a[b]=1", "%", "&&&=", "&".join(["a=1"] * 3_000),
)  # fmt: skip
IDS: Final = (
    "x", "%00", "%ff", "..%2f..%2fetc", "ds_" + "z" * 26, "ds_" + "0" * 26, "é" * 30, "a" * 5_000,
    "%F0%9F%98%80", "%2e%2e", "ft:a:b:c:d", "%0d%0aX: y", "{}", "'\"", "%ED%A0%80",
)  # fmt: skip
HEADERS: Final = (
    *({"Authorization": text} for text in (
        "Bearer", "Bearer ", "Basic eDp5", "Bearer ak_live_" + "x" * 36, "Bearer " + "x" * 9_000,
        "\xff", "bearer ak_live_é",
    )),
    *({"Anneal-Organization": text} for text in ("", "x", "org_", "org_" + "z" * 26, "\xff")),
    *({"Idempotency-Key": text} for text in ("\x7f", "\xff", "x" * 300, "", "a b")),
    *({"Accept": text} for text in ("", "text/html", "*/*;q=x", "a/b/c;;", "\xff")),
    *({"Accept-Language": text} for text in ("*", "zh;q=nan", "x" * 5_000, "\xff", "zh-a-a-a")),
    *({"Cookie": text} for text in (
        "anneal_session=" + "a" * 5_000, ";;=;=", 'anneal_session="\\000aaaaaaaaaa"',
        'anneal_language="\\000"; csrftoken=x', "anneal_session=\xc3\xa9abcdefgh",
    )),
    {"Range": "bytes=0-0"}, {"If-None-Match": "x"}, {"If-Modified-Since": "junk"},
    {"Referer": "http://[::1"}, {"Origin": "null"}, {"X-HTTP-Method-Override": "DELETE"},
    {"Last-Event-ID": "9" * 30}, {"Last-Event-ID": "x"}, {"Content-Length": "-1"},
)  # fmt: skip
METHODS: Final = ("HEAD", "OPTIONS", "TRACE", "PUT", "PROPFIND", "get", "é")
