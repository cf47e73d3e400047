"""Which rows run next."""

from hypothesis import given
from hypothesis import strategies as st

from mlworker.serving.protocol import ModelSpec, Work, tokens_pack
from mlworker.serving.worker.backlog import CROWD_TOKENS, WINDOW_TOKENS, Backlog, Pending

SPEC = ModelSpec("v1", "head", "k", "s", 2)


def pending(organization: str, *lengths: int, number: int = 1) -> Pending:
    cut, packed = tokens_pack([[7] * length for length in lengths])
    work = Work(number, organization.encode(), SPEC, 9e9, cut, packed)
    return Pending(work, "gw", entry=1, sent=0.0)


def test_a_flooding_organization_does_not_hold_up_another() -> None:
    backlog = Backlog()
    backlog.add(pending("flood", *[10] * 500))
    backlog.add(pending("small", 10))

    window = backlog.window(tokens=100)

    assert "small" in {row.pending.work.organization.decode() for row in window[:2]}


def test_a_newcomer_is_found_behind_any_flood_and_others_wait() -> None:
    backlog = Backlog()
    backlog.add(pending("flood", *[10] * 500))
    backlog.add(pending("small", 10, 10, 10))
    backlog.add(pending("other", 10))

    taken = backlog.newcomers({b"flood"}, tokens=100, most=64)

    assert [row.pending.work.organization for row in taken] == [
        *(b"small", b"other"),
        *[b"small"] * 2,
    ]
    assert backlog.newcomers({b"flood"}, tokens=100, most=64) == []
    assert backlog.tokens == 5000


def test_newcomers_are_bounded_too() -> None:
    backlog = Backlog()
    backlog.add(pending("a", *[10] * 50))

    assert len(backlog.newcomers(set(), tokens=95, most=64)) == 10
    assert len(backlog.newcomers(set(), tokens=900, most=3)) == 3


def test_what_waits_is_counted_in_tokens_without_shadows() -> None:
    backlog = Backlog()
    late = pending("a", 5, 6)
    for each in (late, pending("a", 7), behind(100)):
        backlog.add(each)

    backlog.window(tokens=1)
    told = [backlog.tokens]
    backlog.drop(late)
    told.append(backlog.tokens)
    backlog.window()

    assert [*told, backlog.tokens] == [13, 7, 0]


def test_a_window_is_bounded_by_tokens_and_never_empty() -> None:
    backlog = Backlog()
    backlog.add(pending("a", 900, 900, 900))

    assert len(backlog.window(tokens=1000)) == 2
    assert len(backlog.window(tokens=100)) == 1
    assert not backlog


def test_a_dropped_work_leaves_its_neighbours() -> None:
    backlog = Backlog()
    late, kept = pending("a", 5, 5), pending("a", 5)
    backlog.add(late)
    backlog.add(kept)

    backlog.drop(late)

    assert [row.pending for row in backlog.window()] == [kept]
    assert not backlog


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 60)), max_size=60))
def test_every_row_leaves_exactly_once_and_in_order(rows: list[tuple[str, int]]) -> None:
    backlog = Backlog()
    for number, (organization, length) in enumerate(rows):
        backlog.add(pending(organization, length, number=number))

    left: list[tuple[str, int]] = []
    while backlog:
        left += [
            (row.pending.work.organization.decode(), row.pending.work.number)
            for row in backlog.window(tokens=100)
        ]

    assert len(left) == len(rows)
    for organization in "abcd":
        numbers = [number for owner, number in left if owner == organization]
        assert numbers == [n for n, (owner, _) in enumerate(rows) if owner == organization]


def test_an_answer_holds_every_row_in_order() -> None:
    work = pending("a", 2, 3)
    work.values = [[0.25, 0.75], [1.0, 0.0]]
    work.started, work.busy = 0.5, 0.002

    answer = work.answer()

    assert answer.columns == 2
    assert len(answer.values) == 4 * 4
    assert answer.queue_ms == 500
    assert answer.inference_ms == 2


def test_rows_get_their_own_tokens_back() -> None:
    lengths, packed = tokens_pack([[1, 2], [3], [4, 5, 6]])
    work = Pending(Work(1, b"o", SPEC, 9e9, lengths, packed), "gw", 1, 0.0)

    assert work.rows() == [[1, 2], [3], [4, 5, 6]]


def behind(*lengths: int, deadline: float = 9e9) -> Pending:
    made = pending("s", *lengths)
    made.work.shadow, made.work.deadline = True, deadline
    return made


def test_shadows_are_taken_when_nothing_else_waits_and_little_at_a_time() -> None:
    backlog = Backlog()
    shadow, call = behind(*[100] * 20), pending("a", 10, 10)
    backlog.add(shadow)
    backlog.add(call)

    assert {row.pending.work.organization for row in backlog.window()} == {b"a"}
    assert len(backlog.window()) == 6  # 512 tokens
    backlog.add(call)
    assert {row.pending.work.organization for row in backlog.window()} == {b"a"}
    assert backlog


def test_late_shadows_are_forgotten_and_told_once() -> None:
    backlog = Backlog()
    late, kept, done = behind(5, 5, deadline=10.0), behind(5), behind(5, deadline=10.0)
    for each in (late, kept, done):
        backlog.add(each)
    done.left = 0

    assert backlog.late(now=9.0) == []
    assert backlog.late(now=11.0) == [late]
    assert backlog.late(now=11.0) == []
    assert [row.pending for row in backlog.window()] == [kept]


def test_late_calls_are_forgotten_and_those_behind_them_run() -> None:
    backlog = Backlog()
    begun, late, kept = pending("a", 5, 6), pending("a", 7, 8), pending("a", 9)
    other = pending("b", 4)
    for each in (begun, late):
        each.work.deadline = 10.0
    for each in (begun, late, kept, other):
        backlog.add(each)
    begun.left -= len(backlog.window(tokens=1))

    assert backlog.late(now=9.0) == []
    assert backlog.late(now=11.0) == [begun, late]
    assert backlog.late(now=11.0) == []
    assert backlog.tokens == 13
    assert [row.pending for row in backlog.window()] == [other, kept]


def crowded() -> Backlog:
    """One organization's calls wait in hundreds; another came a moment ago."""
    backlog = Backlog()
    backlog.add(pending("calm", 12))
    assert len(backlog.window()) == 1
    backlog.add(pending("flood", *[30] * 400))
    return backlog


def test_while_one_organization_crowds_others_its_batches_are_small() -> None:
    taken = crowded().window()

    assert CROWD_TOKENS <= sum(len(row.ids) for row in taken) < CROWD_TOKENS + 30


def test_whom_one_organization_crowds_comes_next_without_its_rows() -> None:
    backlog = crowded()
    backlog.add(pending("calm", 12))
    backlog.add(pending("other", 9, 9))

    assert [len(row.ids) for row in backlog.window()] == [12, 9, 9]


def test_a_crowd_gets_every_other_batch_however_often_others_come() -> None:
    backlog = crowded()
    taken = []
    for _ in range(4):
        backlog.add(pending("calm", 12))
        taken.append({row.pending.work.organization for row in backlog.window()})

    assert taken == [{b"calm"}, {b"calm", b"flood"}] * 2


def test_those_whom_one_organization_crowds_are_bounded_too() -> None:
    backlog = crowded()
    backlog.add(pending("calm", *[30] * 40))

    taken = backlog.window()

    assert {row.pending.work.organization for row in taken} == {b"calm"}
    assert CROWD_TOKENS <= sum(len(row.ids) for row in taken) < CROWD_TOKENS + 30


def test_an_organization_alone_has_whole_windows() -> None:
    backlog = Backlog()
    backlog.add(pending("flood", *[30] * 400))
    assert sum(len(row.ids) for row in backlog.window()) >= WINDOW_TOKENS


def test_many_organizations_alike_have_whole_windows() -> None:
    backlog = Backlog()
    for number in range(200):
        backlog.add(pending(str(number), 30))
    assert sum(len(row.ids) for row in backlog.window()) >= WINDOW_TOKENS
