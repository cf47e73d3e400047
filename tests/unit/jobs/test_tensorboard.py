"""A job's event file: what TensorBoard reads, made from the job's events."""

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from anneal.kernel.scopes import OrganizationRef
from mlworker.jobs import tensorboard
from mlworker.jobs.states import EventKind
from mlworker.jobs.tensorboard import crc32c
from mlworker.jobs.working import News, news_write
from tests.unit.factories import make_client
from tests.unit.jobs.factories import claimed, job_path, make_job, queued_row

pytestmark = pytest.mark.django_db

FIGURES = {
    "step": 300,
    "train_loss": 0.5,
    "learning_rate": 0.001,
    "rows_per_second": 120.0,
    "memory_bytes": 2**30,
}


def _measure(*metrics: dict[str, float]) -> None:
    news = News()
    for data in metrics:
        news.add(EventKind.METRIC, "measured", code="metric", data=data)
    news_write(claimed(), news)


def _records(data: bytes) -> Iterator[bytes]:
    """Unpack the frames, checking every checksum by the format's own description."""
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        body = data[12 : 12 + length]
        for part, at in ((data[:8], 8), (body, 12 + length)):
            crc = crc32c(part)
            masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
            assert struct.unpack("<I", data[at : at + 4]) == (masked,)
        yield body
        data = data[16 + length :]


def _fields(message: bytes) -> list[tuple[int, bytes | int]]:
    """Read a protocol buffer's fields."""
    found: list[tuple[int, bytes | int]] = []
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    while at < len(message):
        key = varint()
        kind = key & 7
        if kind == 0:
            found.append((key >> 3, varint()))
            continue
        size = {1: 8, 5: 4}.get(kind) or varint()
        found.append((key >> 3, message[at : at + size]))
        at += size
    return found


def _scalars(record: bytes) -> tuple[int, dict[str, float]]:
    fields = dict(_fields(record))
    step, summary = fields[2], fields[5]
    assert isinstance(step, int)
    assert isinstance(summary, bytes)
    values = {}
    for _, value in _fields(summary):
        assert isinstance(value, bytes)
        inner = dict(_fields(value))
        tag, number = inner[1], inner[2]
        assert isinstance(tag, bytes)
        assert isinstance(number, bytes)
        values[tag.decode()] = struct.unpack("<f", number)[0]
    return step, values


def test_the_checksum_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(b"\x00" * 32) == 0x8A9136AA


def test_the_file_holds_every_curve(organization: OrganizationRef) -> None:
    job = make_job(organization)
    _measure(FIGURES, {"step": 301, "valid_loss": 0.25, "valid_accuracy": 0.75})
    answer = make_client(organization).get(job_path(job.id, "/tensorboard"))
    assert answer["Content-Type"] == "application/octet-stream"
    assert f"events.out.tfevents.{job.public_id}" in answer["Content-Disposition"]
    first, one, two = _records(answer.content)
    assert dict(_fields(first))[3] == b"brain.Event:2"
    step, values = _scalars(one)
    assert step == 300
    assert values == {
        "loss/train": 0.5,
        "training/learning_rate": pytest.approx(0.001),
        "speed/rows_per_second": 120.0,
        "machine/memory_bytes": float(2**30),
    }
    assert _scalars(two) == (301, {"loss/validation": 0.25, "accuracy/validation": 0.75})


def test_before_the_first_step_the_file_is_readable_and_empty(
    organization: OrganizationRef,
) -> None:
    job = queued_row(organization)
    answer = make_client(organization).get(job_path(job, "/tensorboard"))
    assert len(list(_records(answer.content))) == 1


def test_a_long_job_is_thinned_but_keeps_its_evaluations(
    organization: OrganizationRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = queued_row(organization)
    monkeypatch.setattr(tensorboard, "MOST", 10)
    _measure(*({"step": n, "train_loss": 1.0} for n in range(39)), {"step": 39, "valid_loss": 2.0})
    answer = make_client(organization).get(job_path(job, "/tensorboard"))
    steps = [_scalars(record)[0] for record in list(_records(answer.content))[1:]]
    assert steps == [*range(0, 39, 4), 39]


def test_the_command_writes_the_file_and_says_how_to_read_it(
    organization: OrganizationRef, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "ANNEAL_HOME", tmp_path)
    job = make_job(organization)
    _measure(FIGURES)
    call_command("tensorboard", job.public_id, "--write-only")
    path = tmp_path / "tensorboard" / job.public_id / "events.out.tfevents.anneal"
    assert len(list(_records(path.read_bytes()))) == 2
    with pytest.raises(CommandError, match=r"pip install tensorboard .* --logdir"):
        call_command("tensorboard", job.public_id)


@pytest.mark.parametrize("name", ["x", "ftjob-00000000000000000000000000"])
def test_the_command_knows_no_other_job(name: str) -> None:
    with pytest.raises(CommandError, match="no"):
        call_command("tensorboard", name, "--write-only")
