"""A whole run: load, check, tokenize, train by tier, evaluate, publish the artifact."""

from __future__ import annotations

from pathlib import Path

from mlworker.engine.artifact import save_artifact
from mlworker.engine.artifact_manifest import ArtifactManifest, LoraEntry
from mlworker.engine.base.bert import Bert
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
from mlworker.engine.device import pick_device, pick_dtype
from mlworker.engine.evaluation.run import evaluate_run
from mlworker.engine.link import Link
from mlworker.engine.tasks import task_named
from mlworker.engine.tasks.base import Row
from mlworker.engine.tokenizer import TextTokenizer
from mlworker.engine.training.config import TrainConfig, resolve_auto
from mlworker.engine.training.evaluate import metrics_of
from mlworker.engine.training.head import HeadRun
from mlworker.engine.training.lora import LoraRun
from mlworker.engine.training.pace import Pace
from mlworker.engine.training.setup import Setup, Trained
from mlworker.engine.training.state import checkpoint_read

ARTIFACT = "artifact"


class Run:
    """One attempt at a run folder. `execute` may be left by StopRequested at any poll."""

    def __init__(self, run_dir: Path, spec: TrainSpec, link: Link) -> None:
        self._dir, self._spec, self._link = run_dir, spec, link
        self._pace = Pace(link, spec.test_hooks.get("step_delay_ms", 0.0))
        self._lora: LoraRun | None = None
        self.test_calls: list[int] = []
        """Label index the finished model gives to each test row."""

    def execute(self) -> DoneMessage:
        """Train and publish; raises EngineError for everything foreseeable."""
        setup = self._prepare()
        if setup.config.tier == "head":
            head = HeadRun(setup)
            self._send_plan(setup, head.steps_planned)
            trained = head.train()
        else:
            self._lora = LoraRun(setup)
            self._send_plan(setup, self._lora.steps_planned)
            trained = self._lora.train()
        return self._publish(setup, trained)

    def save(self) -> CheckpointMessage | None:
        """Write a checkpoint, if there is anything worth keeping yet."""
        if self._lora is None or self._lora.state.position.step == 0:
            return None
        return self._lora.save()

    @property
    def progress(self) -> tuple[int, int]:
        """(steps done, tokens trained) of all attempts."""
        if self._lora is None:
            return 0, 0
        at = self._lora.state.position
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
        config = self._config(len(splits["train"]))
        base = base_at(spec.base.id, Path(spec.base.directory), spec.base.weights_sha256)
        verify_base(base)
        device = pick_device()
        bert = Bert.load(base, dtype=pick_dtype(config.precision, device), device=str(device))
        tokenizer = TextTokenizer.load(base.directory)
        link.send(ThreadsRequest())
        link.poll()
        link.send(PhaseMessage("tokenizing"))
        if not splits["validation"]:
            splits["train"], splits["validation"] = hold_out(splits["train"], config.seed)
            link.send(LogMessage("info", "No validation rows: a tenth of train is held out."))
        length = min(config.max_length, bert.config.max_position_embeddings)

        def encode(rows: list[Row]) -> EncodedSplit:
            return encode_split(task, tokenizer, rows, spec.labels, length, self._pace.look)

        encoded = {split: encode(rows) for split, rows in splits.items() if rows}
        if len(set(encoded["train"].targets)) < 2:
            raise EngineError(
                ErrorCode.INVALID_DATA, "The training rows carry one label only; two are needed."
            )
        return Setup(
            spec=spec,
            run_dir=self._dir,
            config=config,
            task=task,
            labels=spec.labels,
            bert=bert,
            device=device,
            train=encoded["train"],
            validation=encoded["validation"],
            test=encoded.get("test"),
            link=link,
            pace=self._pace,
        )

    def _config(self, rows: int) -> TrainConfig:
        """From the checkpoint when there is one, else resolved from the specification."""
        spec = self._spec
        if spec.resume is not None and spec.tier == "lora":
            return TrainConfig.from_dict(checkpoint_read(self._dir / spec.resume)[1])
        return resolve_auto(spec.config, rows=rows, classes=len(spec.labels), tier=spec.tier)

    def _send_plan(self, setup: Setup, steps: int) -> None:
        self._link.send(
            PlanMessage(
                steps=steps,
                epochs=setup.config.epochs,
                rows=len(setup.train),
                tokens_per_pass=setup.train.tokens,
                trained_tokens=setup.planned_tokens,
                config=setup.config.as_dict(),
            )
        )

    def _publish(self, setup: Setup, trained: Trained) -> DoneMessage:
        metrics: dict[str, Json] = {
            "validation": dict(
                metrics_of(setup.task, trained.validation_logits, setup.validation, setup.labels)
            ),
            "test": None,
        }
        if setup.test is not None and trained.test_logits is not None:
            self.test_calls = trained.test_logits.argmax(dim=1).tolist()
            metrics["test"] = dict(
                metrics_of(setup.task, trained.test_logits, setup.test, setup.labels)
            )
        self._link.send(PhaseMessage("saving"))
        config = setup.config
        manifest = ArtifactManifest(
            task=setup.task.name,
            tier=config.tier,
            labels=setup.labels,
            base_id=setup.spec.base.id,
            base_sha256=setup.spec.base.weights_sha256,
            max_length=min(config.max_length, setup.bert.config.max_position_embeddings),
            pooling=trained.pooling.kind,
            layers=trained.pooling.layers,
            lora=LoraEntry(config.lora_rank, config.lora_alpha) if config.tier == "lora" else None,
            config=config.as_dict(),
            metrics=metrics,
        )
        sha256 = save_artifact(self._dir / ARTIFACT, manifest, trained.tensors)
        return DoneMessage(
            artifact=ARTIFACT,
            evaluation=evaluate_run(setup, trained, self._dir / ARTIFACT),
            manifest_sha256=sha256,
            metrics=metrics,
            trained_tokens=trained.trained_tokens,
            trained_tokens_planned=setup.planned_tokens,
            steps=trained.steps,
            steps_planned=trained.steps_planned,
            epochs=trained.epochs,
            early_stopped=trained.early_stopped,
            seconds=trained.seconds,
            rows_per_second=trained.rows_read / max(trained.seconds, 1e-6),
        )
