"""Each task goes on from its own artifact where the parent ended."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.contracts import InitialReference
from mlworker.engine.data.batches import plan_batches
from mlworker.engine.data.packing import EXACT, pack_rows
from mlworker.engine.link import LocalLink
from mlworker.engine.training.run import Run, _begun
from tests.unit.tasks.conftest import Finished
from tests.unit.tasks.runs import NEW_TASKS, write_run


@pytest.mark.parametrize("tier", ["lora", "full"])
@pytest.mark.parametrize("task", NEW_TASKS)
def test_what_is_continued_loses_nothing(
    task: str,
    tier: str,
    finished: dict[tuple[str, str], Finished],
    tiny: BaseDirectory,
    tmp_path: Path,
) -> None:
    parent = finished[task, tier]
    spec = write_run(tmp_path, tiny, task, tier)
    shutil.copytree(parent.folder / "artifact", tmp_path / "initial")
    spec = replace(spec, initial=InitialReference("initial", spec.labels))
    setup = Run(tmp_path, spec, LocalLink())._prepare()
    model = _begun(setup).eval()
    heard, total = setup.validation, 0.0
    for batch in plan_batches([len(ids) for ids in heard.ids], token_budget=512, max_rows=64):
        packed = pack_rows([heard.ids[place] for place in batch], setup.device, EXACT)
        targets = [heard.targets[batch[place]] for place in packed.order]
        loss = setup.task.loss(model(packed), setup.task.tensor(targets), None, 0.0)
        total += float(loss.detach())
    expected = parent.done.metrics["validation"]
    assert isinstance(expected, dict)
    assert total / setup.task.size(heard.targets) == pytest.approx(expected["loss"], rel=1e-3)
