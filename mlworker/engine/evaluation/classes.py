"""One label of a fixed set for each row: the whole report, beside baselines and with a verdict."""

from __future__ import annotations

import numpy as np
import torch

from mlworker.engine.evaluation.baselines import (
    Baseline,
    best_labels,
    class_figures,
    compare,
    compare_macro_f1,
    majority,
    tf_idf_of,
)
from mlworker.engine.evaluation.frozen import frozen_base
from mlworker.engine.evaluation.predictions import Answers, predictions_table
from mlworker.engine.evaluation.report import Subject as Answered
from mlworker.engine.evaluation.report import build_report
from mlworker.engine.evaluation.subject import Findings, Scored, Subject
from mlworker.engine.evaluation.tfidf import CLASS, TWO


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
            "baselines": [
                base.as_dict(class_figures(base, answers.targets, size)) for base in baselines
            ],
            "comparison": compare(answers.targets, answers.called, baselines),
            "macro_f1_comparison": compare_macro_f1(
                answers.targets,
                answers.called,
                baselines,
                size,
                seed=subject.seed,
                between=subject.look,
            ),
        },
    )
    right = (answers.called == answers.targets).astype(np.float64)
    ones = np.ones(len(right))
    scored = Scored("accuracy", higher_is_better=True, above=right, below=ones, cases=ones)
    return Findings(build_report(answered, subject.look), predictions_table(answers), scored)


def _baselines(subject: Subject) -> list[Baseline]:
    targets = np.array(subject.setup.train.targets, dtype=np.int64).tolist()
    goal = TWO if len(subject.setup.labels) == 2 else CLASS
    return [
        majority(targets, len(subject.split)),
        tf_idf_of(subject, targets, goal, best_labels),
        frozen_base(subject, best_labels),
    ]
