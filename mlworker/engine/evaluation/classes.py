"""One label of a fixed set for each row: the whole report, beside baselines and with a verdict."""

from __future__ import annotations

import numpy as np
import torch

from mlworker.engine.evaluation.baselines import Baseline, compare, majority, tf_idf
from mlworker.engine.evaluation.frozen import NAME, frozen_base
from mlworker.engine.evaluation.predictions import Answers, predictions_table
from mlworker.engine.evaluation.report import Subject as Answered
from mlworker.engine.evaluation.report import build_report
from mlworker.engine.evaluation.subject import Findings, Subject


def report(subject: Subject) -> Findings:
    """Figures, confusion, curves, calibration, slices, baselines and their verdict."""
    setup, size = subject.setup, len(subject.setup.labels)
    answers = Answers(
        row_ids=subject.row_ids,
        targets=np.array(subject.split.targets, dtype=np.int64),
        probabilities=torch.softmax(subject.logits.float(), dim=-1).numpy(),
    )
    baselines = _baselines(subject)
    answered = Answered(
        answers=answers,
        labels=setup.labels,
        split=subject.name,
        lengths=subject.lengths,
        cut=subject.cut,
        seed=subject.seed,
        extras={
            "baselines": [base.as_dict(answers.targets, size) for base in baselines],
            "comparison": compare(answers.targets, answers.called, baselines),
        },
    )
    return Findings(build_report(answered, subject.look), predictions_table(answers))


def _baselines(subject: Subject) -> list[Baseline]:
    setup, trained, look = subject.setup, subject.trained, subject.look
    targets = np.array(setup.train.targets, dtype=np.int64).tolist()
    pairs = [(str(row["text"]), target) for row, target in zip(subject.train, targets, strict=True)]
    texts = [str(row["text"]) for row in subject.rows]
    found = [
        majority(targets, len(subject.split)),
        tf_idf(pairs, texts, len(setup.labels), seed=subject.seed, between=look),
    ]
    if trained.frozen_logits is not None:
        called = trained.frozen_logits.argmax(dim=1).numpy().astype(np.int64)
        return [*found, Baseline(NAME, called, trained.frozen_rows)]
    return [*found, frozen_base(setup, subject.bert, subject.split, trained.seconds)]
