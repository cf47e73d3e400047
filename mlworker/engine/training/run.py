"""A whole run: load, check, tokenize, train by tier, evaluate, publish the artifact."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from mlworker.engine.artifact import Artifact, save_artifact
from mlworker.engine.artifact_manifest import ArtifactManifest, FullEntry, LoraEntry
from mlworker.engine.base.bert import Bert
from mlworker.engine.base.config import BertConfig
from mlworker.engine.base.locate import base_at, verify_base
from mlworker.engine.contracts import (
    CheckpointMessage,
    DoneMessage,
    EngineError,
    ErrorCode,
    Json,
    LogMessage,
    PhaseMessage,
    PlanMessage,
    ThreadsRequest,
    TrainSpec,
)
from mlworker.engine.data.rows import EncodedSplit, encode_split, hold_out, read_splits
from mlworker.engine.device import device_name, pick_device, pick_dtype
from mlworker.engine.evaluation.precision import gate_run
from mlworker.engine.evaluation.run import evaluate_run
from mlworker.engine.link import Link
from mlworker.engine.precision import BF16
from mlworker.engine.study.cost import LABEL_TASKS, Pass, folds_tokens, search_tokens
from mlworker.engine.study.run import Study, wanted
from mlworker.engine.tasks import task_named
from mlworker.engine.tasks.base import Row, Task
from mlworker.engine.tokenizer import TextTokenizer
from mlworker.engine.training.config import ConfigError, TrainConfig, plain_values, resolve_auto
from mlworker.engine.training.evaluate import metrics_of
from mlworker.engine.training.full_model import FullModel, full_entry
from mlworker.engine.training.head import HeadRun
from mlworker.engine.training.initial import begin_with
from mlworker.engine.training.loop import TrainingLoop
from mlworker.engine.training.lora_model import LoraModel
from mlworker.engine.training.pace import Pace
from mlworker.engine.training.setup import Setup, Trained
from mlworker.engine.training.state import checkpoint_read
from mlworker.engine.training.token_head import TokenHeadRun
from mlworker.engine.training.trainable import Trainable

ARTIFACT = "artifact"


class Run:
    """One attempt at a run folder. `execute` may be left by StopRequested at any poll."""

    def __init__(self, run_dir: Path, spec: TrainSpec, link: Link) -> None:
        self._dir, self._spec, self._link = run_dir, spec, link
        self._pace = Pace(link, spec.test_hooks.get("step_delay_ms", 0.0))
        self._loop: TrainingLoop | None = None
        self._study: Study | None = None
        self.test_logits: Tensor | None = None
        """What the finished model says of the test rows."""

    def execute(self) -> DoneMessage:
        """Train and publish; raises EngineError for everything foreseeable."""
        setup = self._prepare()
        if wanted(self._spec):
            return self._execute_study(setup)
        if setup.config.tier == "head":
            head = TokenHeadRun(setup) if setup.task.level == "token" else HeadRun(setup)
            self._send_plan(setup, head.steps_planned)
            trained = head.train()
        else:
            self._loop = TrainingLoop(setup, lambda: _begun(setup))
            self._send_plan(setup, self._loop.steps_planned)
            trained = self._loop.train()
        return self._publish(setup, trained)

    def _execute_study(self, setup: Setup) -> DoneMessage:
        """Search and cross-validate, then train the model with what was found."""
        if setup.spec.trials and setup.task.name not in LABEL_TASKS:
            raise ConfigError("search", f"The task {setup.task.name} has no search.")
        self._study = Study(setup, trainable_of)
        self._send_plan(setup, self._study.steps_planned)
        chosen, trained = self._study.train()
        if setup.spec.trials:
            self._send_plan(chosen, self._study.steps_planned)
        return self._publish(chosen, trained)

    def save(self) -> CheckpointMessage | None:
        """Write a checkpoint, if there is anything worth keeping yet."""
        if self._study is not None:
            return self._study.save()
        if self._loop is None or self._loop.state.position.step == 0:
            return None
        return self._loop.save()

    @property
    def progress(self) -> tuple[int, int]:
        """(steps done, tokens trained) of all attempts."""
        if self._study is not None:
            return self._study.progress
        if self._loop is None:
            return 0, 0
        at = self._loop.state.position
        return at.step, at.trained_tokens

    def _prepare(self) -> Setup:
        spec, link = self._spec, self._link
        link.send(PhaseMessage("loading"))
        task = task_named(spec.task)
        splits = read_splits(self._dir)
        for rows in splits.values():
            task.check(rows, spec.labels)
        if not splits["train"]:
            raise EngineError(ErrorCode.INVALID_DATA, "There is no row to train on.")
        base = base_at(spec.base.id, Path(spec.base.directory), spec.base.weights_sha256)
        device = pick_device()
        config = self._config(task, len(splits["train"]), accelerator=device.type != "cpu")
        unused_check(task, config)
        verify_base(base)
        # Tier full trains float32 weights and rounds what its products read.
        dtype = torch.float32 if config.tier == "full" else pick_dtype(config.precision, device)
        bert = Bert.load(base, dtype=dtype, device=str(device))
        _frozen_check(config, bert)
        tokenizer = TextTokenizer.load(base.directory)
        link.send(ThreadsRequest())
        link.poll()
        link.send(PhaseMessage("tokenizing"))
        if not splits["validation"]:
            every = splits["train"]
            splits["train"], held = hold_out(every, config.seed, len(spec.labels))
            splits["validation"] = held
            told = f"No validation rows: {len(held)} of {len(every)} training rows validate."
            link.send(LogMessage("info", told, "trainer.rows_held_out"))
        length = min(config.max_length, bert.config.max_position_embeddings)

        def encode(rows: list[Row]) -> EncodedSplit:
            return encode_split(task, tokenizer, rows, spec.labels, length, self._pace.look)

        encoded = {split: encode(rows) for split, rows in splits.items() if rows}
        return Setup(
            spec=spec,
            run_dir=self._dir,
            config=config,
            task=task.fitted(encoded["train"].targets, spec.labels),
            labels=spec.labels,
            bert=bert,
            device=device,
            train=encoded["train"],
            validation=encoded["validation"],
            test=encoded.get("test"),
            link=link,
            pace=self._pace,
        )

    def _config(self, task: Task, rows: int, *, accelerator: bool) -> TrainConfig:
        """From the checkpoint when there is one, else resolved from the specification."""
        spec = self._spec
        if spec.resume is not None and spec.tier != "head" and not wanted(spec):
            found = checkpoint_read(self._dir / spec.resume)[1]
            try:
                return TrainConfig.from_dict(found)
            except ConfigError as error:
                raise EngineError(
                    ErrorCode.CHECKPOINT_CORRUPT,
                    f"The checkpoint is of another version ({error.message}) Start without it.",
                ) from error
        given = {**plain_values(task.unused, tier=spec.tier), **spec.config}
        return resolve_auto(
            given,
            rows=rows,
            classes=len(spec.labels),
            tier=spec.tier,
            width=BertConfig.read(Path(spec.base.directory) / "config.json").hidden_size,
            accelerator=accelerator,
        )

    def _send_plan(self, setup: Setup, steps: int) -> None:
        self._link.send(
            PlanMessage(
                steps=steps,
                epochs=_planned_epochs(setup),
                rows=len(setup.train),
                tokens_per_pass=setup.train.tokens,
                trained_tokens=_planned_tokens(setup),
                config=setup.config.as_dict(),
                device=device_name(setup.device),
            )
        )

    def _publish(self, setup: Setup, trained: Trained) -> DoneMessage:
        self.test_logits = trained.test_logits
        metrics = _figures(setup, trained)
        self._link.send(PhaseMessage("saving"))
        manifest = _manifest(setup, trained, metrics)
        tensors = setup.task.published(trained.tensors)
        gate = gate_run(setup, Artifact(manifest, tensors))
        if gate is not None:
            metrics[BF16] = gate.describe()
            manifest = replace(manifest, metrics=metrics)
        sha256 = save_artifact(self._dir / ARTIFACT, manifest, tensors)
        return DoneMessage(
            artifact=ARTIFACT,
            evaluation=evaluate_run(setup, trained, self._dir / ARTIFACT),
            manifest_sha256=sha256,
            metrics=metrics,
            trained_tokens=trained.trained_tokens,
            trained_tokens_planned=_planned_tokens(setup),
            steps=trained.steps,
            steps_planned=trained.steps_planned,
            epochs=trained.epochs,
            early_stopped=trained.early_stopped,
            seconds=trained.seconds,
            rows_per_second=trained.rows_read / max(trained.seconds, 1e-6),
        )


def _begun(setup: Setup) -> Trainable:
    """The model a run moves, with the weights it begins with."""
    model, spec = trainable_of(setup), setup.spec
    if spec.initial is not None and spec.resume is None:
        begin_with(model, spec.initial, setup.run_dir, setup.labels, setup.task, spec.base)
    return model


def trainable_of(setup: Setup) -> Trainable:
    """The model that a run of tier lora or full moves."""
    outputs, tokens = setup.task.outputs(setup.labels), setup.task.level == "token"
    if setup.config.tier == "full":
        dtype = pick_dtype(setup.config.precision, setup.device)
        return FullModel(setup.bert, setup.config, outputs, dtype, tokens=tokens)
    return LoraModel(setup.bert, setup.config, outputs, tokens=tokens)


def _figures(setup: Setup, trained: Trained) -> dict[str, Json]:
    """What the finished model says of each split that it did not learn from."""
    splits = {
        "validation": (setup.validation, trained.validation_logits),
        "test": (setup.test, trained.test_logits),
    }
    return {
        name: None
        if split is None or logits is None
        else dict(metrics_of(setup.task, logits, split, setup.labels))
        for name, (split, logits) in splits.items()
    }


def _manifest(setup: Setup, trained: Trained, metrics: Mapping[str, Json]) -> ArtifactManifest:
    config = setup.config
    return ArtifactManifest(
        task=setup.task.name,
        tier=config.tier,
        labels=setup.labels,
        base_id=setup.spec.base.id,
        base_sha256=setup.spec.base.weights_sha256,
        max_length=min(config.max_length, setup.bert.config.max_position_embeddings),
        pooling=trained.pooling.kind,
        layers=trained.pooling.layers,
        lora=_lora_entry(config),
        full=_full_entry(setup),
        config=config.as_dict(),
        metrics=metrics,
    )


def _lora_entry(config: TrainConfig) -> LoraEntry | None:
    if config.tier != "lora":
        return None
    return LoraEntry(config.lora_rank, config.lora_alpha, config.lora_targets, config.frozen_layers)


def _full_entry(setup: Setup) -> FullEntry | None:
    tokens = setup.task.level == "token"
    return full_entry(setup.config, tokens=tokens) if setup.config.tier == "full" else None


def _planned_tokens(setup: Setup) -> int:
    """Tokens the whole run may be charged for, those of a study included."""
    spec, config = setup.spec, setup.config
    facts: Pass = {"passes": config.passes, "tier": config.tier}
    one_pass = setup.train.tokens
    whole = (
        setup.planned_tokens
        + folds_tokens(one_pass, folds=spec.folds, **facts)
        + search_tokens(one_pass, trials=spec.trials, runs=spec.runs, **facts)
    )
    return whole if spec.token_limit is None else min(whole, spec.token_limit)


def _planned_epochs(setup: Setup) -> int:
    """Passes over the rows that are begun: a limit on tokens may leave some out."""
    epochs, limit = setup.config.epochs, setup.spec.token_limit
    if setup.config.tier == "head" or limit is None:
        return epochs
    return max(1, min(epochs, math.ceil(limit / setup.train.tokens)))


def _frozen_check(config: TrainConfig, bert: Bert) -> None:
    depth = bert.config.num_hidden_layers
    for name in ("frozen_layers", "head_block"):
        if getattr(config, name) > depth:
            raise ConfigError(name, f"{name} must lie between 0 and {depth}, the base's blocks.")


def unused_check(task: Task, config: TrainConfig) -> None:
    """ConfigError when a value means nothing to the task: better said than ignored."""
    for name, plain in plain_values(task.unused, tier=config.tier).items():
        if getattr(config, name) != plain:
            raise ConfigError(
                name, f"{name} does nothing in {task.title.lower()}: leave it out or choose auto."
            )
