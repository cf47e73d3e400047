"""Ids, clock, events, principals, parsing, storage: the kernel's small parts."""

import errno
import io
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from django.core.files.storage import default_storage
from hypothesis import given
from hypothesis import strategies as st

from anneal.kernel import clock, events
from anneal.kernel.database import database_settings
from anneal.kernel.errors import DomainError, InvalidRequest, NotFound, StorageUnavailable
from anneal.kernel.ids import parse_id, public_id, uuid7
from anneal.kernel.parsing import parse_json_object
from anneal.kernel.principal import Actor, KeyScope, Permission, Principal, Role
from anneal.kernel.redis_url import broker_url
from anneal.kernel.scopes import OrganizationRef
from anneal.kernel.storage import (
    object_delete,
    object_exists,
    object_open,
    object_put,
    tenant_key,
)
from anneal.settings.storage import storage_settings

ACME = OrganizationRef(id=UUID(int=7), slug="acme")


@given(st.integers(min_value=0, max_value=2**128 - 1))
def test_a_public_id_reads_back(number: int) -> None:
    text = public_id("ds_", UUID(int=number))
    assert len(text) == 29
    assert parse_id("ds_", text) == UUID(int=number)


@given(st.text(max_size=40))
def test_any_other_text_is_not_found(text: str) -> None:
    with pytest.raises(NotFound):
        parse_id("never_", text)


def test_an_overflowing_id_is_not_found() -> None:
    with pytest.raises(NotFound):
        parse_id("ds_", "ds_" + "z" * 26)


def test_ids_are_version_seven_and_ordered_in_time() -> None:
    made = [uuid7() for _ in range(1000)]
    assert {key.version for key in made} == {7}
    assert {key.variant for key in made} == {"specified in RFC 4122"}
    assert made == sorted(set(made))


def test_the_clock_can_stand_still() -> None:
    moment = datetime(2030, 2, 28, tzinfo=UTC)
    with clock.frozen(moment):
        assert clock.now() == moment
    assert clock.now() != moment


@dataclass(frozen=True, slots=True)
class Rung(events.Event):
    times: int


def test_a_handler_that_raises_stops_the_publisher() -> None:
    seen = []

    def refuse(event: Rung) -> None:
        seen.append(event.times)
        raise NotFound

    events.subscribe(Rung, refuse)
    events.subscribe(Rung, refuse)
    with pytest.raises(NotFound):
        events.publish(Rung(3))
    assert seen == [3]


@pytest.mark.parametrize(
    ("_case", "role", "scopes", "permission", "allowed"),
    [
        ("viewer reads", Role.VIEWER, None, Permission.READ, True),
        ("viewer sees no money", Role.VIEWER, None, Permission.BILLING_READ, False),
        ("annotator labels", Role.ANNOTATOR, None, Permission.LABEL, True),
        ("annotator does not train", Role.ANNOTATOR, None, Permission.TRAIN, False),
        ("developer deploys", Role.DEVELOPER, None, Permission.DEPLOY, True),
        ("developer pays nothing", Role.DEVELOPER, None, Permission.BILLING_MANAGE, False),
        ("billing does not predict", Role.BILLING, None, Permission.PREDICT, False),
        ("admin invites", Role.ADMIN, None, Permission.MEMBERS, True),
        ("admin does not own", Role.ADMIN, None, Permission.OWNERSHIP, False),
        ("owner owns", Role.OWNER, None, Permission.OWNERSHIP, True),
        ("a key narrows", Role.OWNER, {KeyScope.PREDICT}, Permission.TRAIN, False),
        ("a key never widens", Role.VIEWER, {KeyScope.ADMIN}, Permission.TRAIN, False),
        ("a key allows its scope", Role.DEVELOPER, {KeyScope.TRAIN}, Permission.TRAIN, True),
    ],
)
def test_role_and_key_both_decide(
    _case: str, role: Role, scopes: set[KeyScope] | None, permission: Permission, allowed: bool
) -> None:
    principal = Principal(
        organization=ACME,
        actor=Actor(kind="user", id=None, label="x"),
        role=role,
        key_scopes=None if scopes is None else frozenset(scopes),
    )
    assert principal.can(permission) is allowed


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'"text"',
        b"nul",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b"\xff\xfe{\x00}\x00",
        b'{"a": "\\ud800"}',
        b'{"a": "\\u0000"}',
        b'{"a":' + b"[" * 100_000,
        b'{"a": 1} trailing',
    ],
)
def test_a_bad_body_is_refused_with_a_sentence(raw: bytes) -> None:
    with pytest.raises(InvalidRequest, match=r"\w+ \w+"):
        parse_json_object(raw)


def test_a_good_body_is_read() -> None:
    body = {"text": "ça, 你好 \U0001f600", "n": [1, 2.5, None]}
    assert parse_json_object(json.dumps(body).encode()) == body
    assert parse_json_object(b"\xef\xbb\xbf" + json.dumps(body).encode()) == body


def test_a_text_that_spells_an_escape_is_no_nul() -> None:
    """A customer may write about \\u0000 without sending one."""
    body = {"text": "the escape \\u0000 means NUL", "\\u0000": [1]}
    assert parse_json_object(json.dumps(body).encode()) == body


def test_nesting_is_bounded_long_before_the_stack_is() -> None:
    assert parse_json_object(b'{"a":' * 63 + b"1" + b"}" * 63)
    wide = {"rows": [{"a": [1]}] * 1000}
    assert parse_json_object(json.dumps(wide).encode()) == wide
    with pytest.raises(InvalidRequest, match="deep"):
        parse_json_object(b'{"a":' * 64 + b"1" + b"}" * 64)


def test_every_error_has_its_own_code_and_a_line_in_the_docs() -> None:
    known = (_docs()).split("`")
    for error in _all_errors(DomainError):
        assert error.code in known, f"{error.__name__}: {error.code} is missing in docs/errors.md"


def _docs() -> str:
    from django.conf import settings  # noqa: PLC0415 # settings are ready only in the test

    text: str = (settings.ANNEAL_ROOT / "docs" / "errors.md").read_text()
    return text


def _all_errors(base: type[DomainError]) -> set[type[DomainError]]:
    children = set(base.__subclasses__())
    return children | {error for child in children for error in _all_errors(child)}


def test_storage_keeps_bytes_under_our_own_keys_only() -> None:
    key = tenant_key(ACME, "tests", "a.bin")
    stored = object_put(key, io.BytesIO(b"one"))
    assert (stored.size, stored.sha256[:8]) == (3, "7692c3ad")
    object_put(key, b"three")
    with object_open(key) as file:
        assert file.read() == b"three"
    object_delete(key)
    object_delete(key)
    assert not object_exists(key)
    with pytest.raises(FileNotFoundError):
        object_open(key)


def test_a_write_that_fails_leaves_the_old_object_and_no_rubbish(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = tenant_key(ACME, "full", "a.bin")
    object_put(key, b"old")
    folder = Path(default_storage.path(key)).parent

    def no_space(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", no_space)
        with pytest.raises(StorageUnavailable):
            object_put(key, b"new")

    with object_open(key) as file:
        assert file.read() == b"old"
    assert [path.name for path in folder.iterdir()] == ["a.bin"]
    assert (folder / "a.bin").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("part", ["", "..", "a/b", "a..b", "\0", "%2f", "/etc", "a b"])
def test_an_odd_key_part_is_refused(part: str) -> None:
    with pytest.raises(ValueError, match="storage key part"):
        tenant_key(ACME, part)


def test_urls_become_settings() -> None:
    database = database_settings("postgresql://me:p%40ss@/anneal?host=/run/pg")
    assert (database["USER"], database["PASSWORD"]) == ("me", "p@ss")
    assert (database["HOST"], database["NAME"]) == ("/run/pg", "anneal")
    with pytest.raises(ValueError, match="postgresql://"):
        database_settings("mysql:///x")
    assert broker_url("unix:///run/r.sock?db=3") == "redis+socket:///run/r.sock?virtual_host=3"
    assert broker_url("redis://cache:6379/1") == "redis://cache:6379/1"
    s3 = storage_settings("s3://bucket/models?endpoint_url=http://minio:9000")
    assert s3["OPTIONS"]["bucket_name"] == "bucket"
    assert s3["OPTIONS"]["location"] == "models"
    assert s3["OPTIONS"]["endpoint_url"] == "http://minio:9000"
    assert s3["OPTIONS"]["client_config"].connect_timeout < 10
    login = storage_settings("s3://me:p%2Fw@bucket?verify=false&use_ssl=true")["OPTIONS"]
    assert (login["access_key"], login["secret_key"], login["verify"]) == ("me", "p/w", False)
    with pytest.raises(ValueError, match="file://"):
        storage_settings("ftp://x")
