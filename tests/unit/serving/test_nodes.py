"""A worker process as a place for engines."""

from mlworker.serving.nodes import Here
from mlworker.serving.placement import living_nodes


def test_a_worker_says_what_it_holds_and_is_gone_when_it_stops() -> None:
    here = Here(name="test-node", room=2)
    try:
        with here.holding("a") as first, here.holding("a") as second, here.holding("b"):
            here.worked("a", 0.25)
            here.worked("b", 0.5)
            here.worked("not held", 0.9)
            here.say()
            [node] = [each for each in living_nodes() if each.node == "test-node"]

            assert (first, second) == (True, False)
            assert (node.bases, node.busy, node.room) == (["a", "b"], 0.75, 2)
            assert node.queue == "serve.test-node"
        assert here.node().bases == []
    finally:
        here.leave()

    here.say()
    assert "test-node" not in [each.node for each in living_nodes()]


def test_a_process_that_is_no_worker_says_nothing() -> None:
    here = Here()
    with here.holding("a"):
        here.say()
    here.leave()

    assert "" not in [each.node for each in living_nodes()]
