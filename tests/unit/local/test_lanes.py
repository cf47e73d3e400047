"""Checks beside each other: together across lanes, in order within one."""

import re
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest

from anneal.local.check_list import Check, lanes_all
from anneal.local.installation import Installation
from anneal.local.lanes import lanes_run
from anneal.local.paths import home_open
from anneal.local.runfile import installation_lock

MEET = """
import pathlib, sys, time
mine, other = map(pathlib.Path, sys.argv[1:])
mine.touch()
ends = time.monotonic() + 30
while not other.exists():
    assert time.monotonic() < ends, "the other lane did not begin"
    time.sleep(0.01)
"""
NOTE = "import pathlib, sys; pathlib.Path(sys.argv[1]).open('a').write(sys.argv[2])"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    """A home that is held, without servers."""
    home = home_open(tmp_path / "home")
    lock = installation_lock(home)
    assert lock
    with lock:
        yield Installation(home, lock, "test", quiet=True)
    home.sockets.rmdir()


def check(name: str, code: str, *arguments: object) -> Check:
    return Check(name, (sys.executable, "-c", code, *map(str, arguments)))


def nothing(_: Check) -> dict[str, str]:
    return {}


def test_lanes_are_at_work_at_the_same_time(place: Installation, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    lanes = [[check("first", MEET, one, two)], [check("second", MEET, two, one)]]

    ended = lanes_run(lanes, place, env=nothing)

    assert {found.name: status for found, status, _ in ended} == {"first": 0, "second": 0}


def test_a_lane_goes_on_in_order_and_after_a_failure(place: Installation, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    lane = [check("a", NOTE, notes, "a"), check("bad", "raise SystemExit(3)")]
    lane += [check("b", NOTE, notes, "b")]

    ended = lanes_run([lane], place, env=nothing)

    assert [(found.name, status) for found, status, _ in ended] == [("a", 0), ("bad", 3), ("b", 0)]
    assert notes.read_text() == "ab"


def test_the_lane_that_is_empty_first_goes_on_with_the_rest(
    place: Installation, tmp_path: Path
) -> None:
    """The rest is done while the other lane's check still waits for it."""
    one, rest = tmp_path / "one", tmp_path / "rest"
    lanes = [[check("long", MEET, one, rest)], [check("short", "")]]

    ended = lanes_run(lanes, place, env=nothing, afterwards=[check("rest", MEET, rest, one)])

    assert {found.name: status for found, status, _ in ended} == {"short": 0, "long": 0, "rest": 0}
    assert ended[0][0].name == "short"


def test_fail_fast_begins_nothing_more_in_any_lane(place: Installation, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    slow = "import time; time.sleep(0.5)"
    lanes = [[check("bad", "raise SystemExit(1)"), check("a", NOTE, notes, "a")]]
    lanes += [[check("slow", slow), check("b", NOTE, notes, "b")]]
    rest = [check("c", NOTE, notes, "c")]

    ended = lanes_run(lanes, place, env=nothing, afterwards=rest, fail_fast=True)

    assert {found.name for found, _, _ in ended} == {"bad", "slow"}
    assert not notes.exists()


def test_a_long_check_says_how_far_it_is(
    place: Installation,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("anneal.local.lanes.NEWS_SECONDS", 0.2)
    code = "import time; print('.... [ 42%]', flush=True); time.sleep(2); print('.... [100%]')"

    mute = check("mute", "import time; time.sleep(2)")

    lanes_run([[check("long", code)], [mute]], place, env=nothing)

    said = capfdbinary.readouterr().err.decode()
    assert re.search(r"\.\. long: 42 %, \d+\.\d s; mute: \d+\.\d s", said)
    assert said.count("[100%]") == 1


def test_what_two_wrote_is_shown_one_after_the_other(
    place: Installation, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    said = "print('1 ' + sys.argv[1][-3:], flush=True)\n"
    loud = MEET.replace("mine.touch()", said + "mine.touch()") + said
    lanes = [[check("x", loud, one, two)], [check("y", loud, two, one)]]

    lanes_run(lanes, place, env=nothing)

    shown = capfdbinary.readouterr().err.decode()
    assert re.search(r"== x \(.* s\)\n1 one\n1 one\n", shown)
    assert re.search(r"== y \(.* s\)\n1 two\n1 two\n", shown)


def test_all_checks_are_in_the_lanes_once(place: Installation) -> None:
    options = Namespace(slow=False, keyword=None, fail_fast=False)

    lanes, afterwards = lanes_all(options, place.home)
    names = [one.name for lane in [*lanes, afterwards] for one in lane]

    assert len(names) == len(set(names))
    assert {"format", "lint", "types", "layers", "migrations", "API file"} <= set(names)
    assert {"page: build", "page: lint", "page: typecheck", "page: test"} <= set(names)
    assert names.index("page: build") < names.index("page: test") < names.index("browser tests")
    assert {"unit tests", "live tests"} <= set(names)
