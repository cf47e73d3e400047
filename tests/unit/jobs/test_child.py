"""What a supervisor hears of its trainer."""

from pathlib import Path

import pytest

from mlworker.engine.contracts import DoneMessage
from mlworker.jobs.supervisor import child
from mlworker.jobs.supervisor.child import Trainer

LABELS = 1_000
"""As many as a dataset may have, each as long as a label may be."""
PROGRAM = f"""
from mlworker.engine.contracts import DoneMessage, encode_message
figures = {{"precision": 0.123456789012, "recall": 0.123456789012, "f1": 0.1, "support": 9.0}}
split = {{"per_class": {{f"{{n:04}}{{chr(0x4E00) * 252}}": figures for n in range({LABELS})}}}}
metrics = {{"validation": split, "test": split}}
print(encode_message(DoneMessage("a", "0", metrics, 1, 1, 1, 1, 1.0, False, 1.0, 1.0)))
"""


def test_the_figures_of_a_thousand_long_labels_are_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "told.py").write_text(PROGRAM)
    jail = tmp_path / "jail.py"
    jail.write_text("import os, sys; os.execv(sys.argv[2], [sys.argv[2], 'told.py'])")
    monkeypatch.setattr(child, "_JAIL", jail)
    trainer = Trainer(tmp_path)
    heard = []
    try:
        while not trainer.ended:
            heard.append(trainer.next_message(30.0))
    finally:
        trainer.close()
    done = heard[0]
    assert isinstance(done, DoneMessage)
    assert len(done.metrics["test"]["per_class"]) == LABELS
