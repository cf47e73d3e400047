"""Tiers lora and full: the loop. One step = one token-budget batch, in micro-steps if need be."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mlworker.engine.contracts import (
    CheckpointMessage,
    EngineError,
    ErrorCode,
    Json,
    MetricMessage,
    PhaseMessage,
)
from mlworker.engine.data.batches import epoch_batches, micro_batches, plan_cut
from mlworker.engine.data.packing import TRAINING, pack_rows
from mlworker.engine.data.rows import EncodedSplit
from mlworker.engine.evaluation.run import split_rows
from mlworker.engine.heads import Pooling
from mlworker.engine.noise import noise_begin
from mlworker.engine.tasks.base import Row
from mlworker.engine.training.choice import softened
from mlworker.engine.training.consistency import divergence
from mlworker.engine.training.evaluate import collect, metrics_of
from mlworker.engine.training.lanes import beside, read_together
from mlworker.engine.training.optimizers import optimizer_for, schedule_share
from mlworker.engine.training.progress import figures
from mlworker.engine.training.samples import judged, samples_of
from mlworker.engine.training.setup import Setup, Trained
from mlworker.engine.training.state import (
    RunState,
    checkpoint_restore,
    checkpoint_try,
    checkpoint_write,
)
from mlworker.engine.training.trainable import HEAD, Trainable

_REPORT_SECONDS = 0.5
_EVALUATIONS = 6
"""Evaluations a run has at least, if its epochs are long enough to be halved."""
_MIN_STEPS_BETWEEN = 20
_LOST_AFTER = 20
"""Steps over which the loss is averaged before it counts as lost."""
_LOST_FACTOR = 10.0
"""Lost = this many times worse than guessing."""
_SEED_STRIDE = 1_000_003
_SAVING_SHARE = 0.05
"""Checkpoints take no more than this share of the time ..."""
_LONGEST_WAIT = 5.0
"""... unless they would then be this many times rarer than wanted."""


class TrainingLoop:
    """A run in progress. `train` may be left by StopRequested between any two micro-steps;
    `save` then writes the last whole step.
    """

    def __init__(self, setup: Setup, build: Callable[[], Trainable]) -> None:
        self.setup = setup
        config = setup.config
        torch.manual_seed(config.seed)
        self.model = build().to(setup.device)
        self._parameters = [parameter for _, parameter in self.model.named()]
        self._leaves = self.model.leaves()
        self.state = RunState(self.model, optimizer_for(self.model, config))
        self._fingerprint = setup.fingerprint()
        self._lengths = [len(row) for row in setup.train.ids]
        self._weights = setup.class_weights()
        self._plan = [self._batches(epoch) for epoch in range(config.epochs)]
        self._sizes = [len(batches) for batches in self._plan]
        if setup.spec.token_limit is not None:
            self._plan = plan_cut(
                self._plan, self._lengths, setup.spec.token_limit // config.readings
            )
        self.steps_planned = sum(len(batches) for batches in self._plan)
        start = setup.start
        self.state.position.trained_tokens = start.tokens
        self.state.position.rows_read = start.rows
        self.state.position.seconds = start.seconds
        self._rows: Sequence[Row] | None = None
        self._seed = 0
        self._reported = 0.0
        self._saved = time.monotonic()
        self._interval = setup.spec.checkpoint_seconds
        if setup.spec.resume is not None:
            checkpoint_restore(setup.run_dir / setup.spec.resume, self.state, self._fingerprint)

    def _batches(self, epoch: int) -> list[list[int]]:
        config = self.setup.config
        return epoch_batches(
            self._lengths, token_budget=config.batch_tokens, seed=config.seed, epoch=epoch
        )

    def train(self) -> Trained:
        """All that is left to do; raises EngineError(diverged)."""
        self.setup.link.send(PhaseMessage("training"))
        at = self.state.position
        while at.epoch < len(self._plan) and not at.stopped_early:
            batches = self._plan[at.epoch]
            due = at.batch in self._evaluation_points(len(batches))
            # asked first, so that a run resumed from inside an evaluation does it again
            if due and at.evaluated < at.step:
                self._evaluate()
            elif at.batch < len(batches):
                self._step(batches[at.batch])
            else:
                at.epoch, at.batch = at.epoch + 1, 0
            self._save_when_due()
        return self._finish()

    def save(self) -> CheckpointMessage:
        """Write a checkpoint of the last whole step."""
        at = self.state.position
        setup = self.setup
        delay = setup.spec.test_hooks.get("checkpoint_delay_ms", 0) / 1000
        total = at.seconds
        at.seconds += setup.pace.seconds
        began = time.monotonic()
        try:
            message = checkpoint_write(
                setup.run_dir,
                self.state,
                step=setup.start.step_of(at.step, self.steps_planned),
                carried=setup.start.carry(),
                fingerprint=self._fingerprint,
                config=dict(setup.config.as_dict()),
                epoch=self._epoch(),
                before_rename=(lambda: time.sleep(delay)) if delay else None,
            )
        finally:
            at.seconds = total
        self._saved = time.monotonic()
        wanted = setup.spec.checkpoint_seconds
        spent = self._saved - began - delay
        # A full model's checkpoint is large: writing them must not become the work.
        self._interval = max(wanted, min(spent / _SAVING_SHARE, wanted * _LONGEST_WAIT))
        setup.link.send(message)
        return message

    def _save_when_due(self) -> None:
        if time.monotonic() - self._saved >= self._interval:
            self._saved = time.monotonic()
            checkpoint_try(self.setup.link, self.save)

    def _step(self, batch: list[int]) -> None:
        """One optimizer step; raises before the weights change when the loss is not finite."""
        setup, at = self.setup, self.state.position
        config = setup.config
        rate = config.learning_rate * schedule_share(config, at.step, self.steps_planned)
        for group in self.state.optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        self.model.train()
        self.model.refresh()
        self.state.optimizer.zero_grad(set_to_none=True)
        losses: list[Tensor] = []
        wanted = setup.pace.micro_tokens(config.batch_tokens)
        size = setup.task.size([setup.train.targets[index] for index in batch])
        self._seed = config.seed * _SEED_STRIDE + at.step
        for micro in micro_batches(batch, self._lengths, max(wanted, 1)):
            losses += self._micro_step(micro, size)
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, config.max_grad_norm)
        # read after all of the step is under way: each look waits for the device
        loss = sum(map(float, losses))
        self._check(loss, float(norm))
        self.state.optimizer.step()
        self.state.average_update()
        tokens = config.readings * sum(self._lengths[index] for index in batch)
        at.step, at.batch = at.step + 1, at.batch + 1
        at.trained_tokens += tokens
        at.rows_read += len(batch)
        share = 1 / min(at.step, _LOST_AFTER)
        at.recent_loss += share * (loss - at.recent_loss)
        self._report(rate)

    def _micro_step(self, micro: list[int], size: int) -> list[Tensor]:
        """Forward and backward of some rows; the batch's mean loss is the sum of these parts."""
        setup = self.setup
        setup.pace.begin()
        parts = read_together(micro, self._lengths, self.setup.device)
        found = beside(lambda part: self._gradients(part, size), parts)
        for _, gradients in found:
            widened = _widened(gradients, self._parameters)
            for parameter, gradient in zip(self._parameters, widened, strict=True):
                if gradient is None:
                    continue
                if parameter.grad is None:
                    parameter.grad = gradient
                else:
                    parameter.grad += gradient
        setup.pace.end(sum(self._lengths[index] for index in micro))
        return [loss for loss, _ in found]

    def _gradients(self, rows: list[int], size: int) -> tuple[Tensor, tuple[Tensor | None, ...]]:
        """Some rows' share of the batch's loss, and its gradients."""
        setup, config = self.setup, self.setup.config
        packed = pack_rows(
            [setup.train.ids[index] for index in rows], setup.device, TRAINING.on(setup.device)
        )
        chosen = [rows[place] for place in packed.order]
        targets = setup.task.tensor([setup.train.targets[row] for row in chosen])
        targets = targets.to(setup.device, non_blocking=True)
        noise_begin(self._seed, packed, chosen)
        # one reading after the other: the second goes on where the first's noise ended
        logits = [self.model(packed) for _ in range(config.readings)]
        losses = [
            setup.task.loss(each, targets, self._weights, config.label_smoothing) for each in logits
        ]
        total = sum(losses[1:], losses[0]) / len(losses)
        share = total / size
        wanted = share
        if config.consistency:
            apart = divergence(setup.task, logits[0], logits[1], targets)
            wanted = share + config.consistency * apart / size
        # not backward(): that would add to the same tensors as the other half does
        return share.detach(), torch.autograd.grad(wanted, self._leaves, allow_unused=True)

    def _check(self, loss: float, norm: float) -> None:
        """Stop before a broken step reaches the weights."""
        guessing = self.setup.task.guessing_loss(self.setup.labels)
        at = self.state.position
        lost = at.step >= _LOST_AFTER and at.recent_loss > _LOST_FACTOR * guessing
        if not (math.isfinite(loss) and math.isfinite(norm)) or lost:
            raise EngineError(
                ErrorCode.DIVERGED,
                f"Training diverged at step {at.step} (loss {loss:.3g}). "
                "Choose a smaller learning_rate.",
            )

    def _evaluation_points(self, batches: int) -> set[int]:
        """Batch counts within an epoch after which the validation split is read."""
        parts = max(1, math.ceil(_EVALUATIONS / self.setup.config.epochs))
        while parts > 1 and batches // parts < _MIN_STEPS_BETWEEN:
            parts -= 1
        return {math.ceil(batches * part / parts) for part in range(1, parts + 1)}

    def _evaluate(self) -> None:
        """Read the validation split; keep the best weights; decide about stopping early."""
        setup, at = self.setup, self.state.position
        with self.state.averaged():
            logits = self._logits(setup.validation)
        found = figures(metrics_of(setup.task, logits, setup.validation, setup.labels))
        score = found[setup.task.primary_metric]
        loss, share = softened(setup.task, logits, setup.validation)
        at.evaluated = at.step
        gained = score > at.best_score + setup.config.min_delta
        at.best_score = max(at.best_score, score)
        # The loss hears every row, the score only those near the border: it chooses better.
        if loss < at.best_loss or not self.state.best:
            at.best_loss, at.best_step = loss, at.step
            self.state.best = {
                name: value * (share if name.startswith(HEAD) else 1.0)
                for name, value in self.state.average.items()
            }
        at.stale = 0 if gained else at.stale + 1
        patience = setup.config.patience
        at.stopped_early = 0 < patience <= at.stale and at.step < self.steps_planned
        self._report(self.state.optimizer.param_groups[0]["lr"], found, self._samples(logits))

    def _samples(self, logits: Tensor) -> dict[str, Json] | None:
        """Rows from either end; none where a fold is judged by its own training rows."""
        setup = self.setup
        if self._rows is None:
            rows = split_rows(setup, "validation")[0]
            whole = len(rows) == len(setup.validation)
            self._rows = judged(rows) if whole else []
        if not self._rows:
            return None
        return samples_of(setup.task, logits, setup.validation, setup.labels, self._rows)

    def _logits(self, split: EncodedSplit) -> Tensor:
        self.model.eval()
        self.model.refresh()
        setup = self.setup
        return collect(split.ids, self.model, setup.pace, setup.device, setup.task.level)

    def _finish(self) -> Trained:
        setup, at = self.setup, self.state.position
        seconds = at.seconds + setup.pace.seconds
        setup.link.send(PhaseMessage("evaluating"))
        self.model.restore(self.state.best)
        return Trained(
            pooling=Pooling(self.model.pooling, setup.bert.config.num_hidden_layers),
            tensors=self.model.tensors(),
            steps=at.step,
            steps_planned=self.steps_planned,
            epochs=self._epoch(),
            early_stopped=at.stopped_early,
            trained_tokens=at.trained_tokens,
            seconds=seconds,
            rows_read=at.rows_read,
            validation_logits=self._logits(setup.validation),
            test_logits=None if setup.test is None else self._logits(setup.test),
        )

    def _epoch(self) -> float:
        at = self.state.position
        if at.epoch >= len(self._plan):
            last = len(self._plan) - 1
            return last + len(self._plan[last]) / self._sizes[last]
        return at.epoch + at.batch / self._sizes[at.epoch]

    def _report(
        self,
        rate: float,
        validation: dict[str, float] | None = None,
        samples: dict[str, Json] | None = None,
    ) -> None:
        """Send a metric, at most two a second unless it carries an evaluation."""
        at = self.state.position
        if validation is None and time.monotonic() - self._reported < _REPORT_SECONDS:
            return
        self._reported = time.monotonic()
        seconds = at.seconds + self.setup.pace.seconds
        self.setup.link.send(
            MetricMessage(
                step=at.step,
                steps_planned=self.steps_planned,
                epoch=self._epoch(),
                train_loss=at.recent_loss,
                learning_rate=rate,
                trained_tokens=at.trained_tokens,
                rows_per_second=at.rows_read / seconds,
                seconds=seconds,
                validation=validation,
                samples=samples,
            )
        )


def _widened(
    gradients: Sequence[Tensor | None], parameters: Sequence[Tensor]
) -> list[Tensor | None]:
    """Gradients in their parameters' format, by one call for all that are not."""
    wide, into, narrow = list(gradients), list[Tensor](), list[Tensor]()
    for place, (gradient, own) in enumerate(zip(gradients, parameters, strict=True)):
        if gradient is not None and gradient.dtype != own.dtype:
            wide[place] = new = torch.empty_like(own)
            into.append(new)
            narrow.append(gradient)
    if into:
        torch._foreach_copy_(into, narrow)
    return wide
