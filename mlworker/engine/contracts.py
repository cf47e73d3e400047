"""What crosses the engine's border: run specification, messages, exit codes, errors.

Nothing here imports torch, so that supervisors and the web process may use it. A run is a folder;
`TrainSpec` is its `spec.json`. The child and its supervisor exchange one JSON object a line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import ClassVar, Literal, Self, TypeAlias, TypeVar

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Kind = TypeVar("Kind")

Tier = Literal["head", "lora", "full"]
CONTINUED_TIERS: tuple[Tier, ...] = ("lora", "full")
"""Tiers whose weights another run can begin with; `head` computes its answer anew each time."""
StopMode = Literal["checkpoint", "cancel"]
PoolingKind = Literal["cls", "attention", "token"]
"""What a model's head reads of a row; see heads.py."""

FORMAT = 1
SPLITS = ("train", "validation", "test")


class ErrorCode(StrEnum):
    """Why a run or a load ended; each has a line in docs/errors.md."""

    DIVERGED = "diverged"
    OUT_OF_MEMORY = "out_of_memory"
    INVALID_DATA = "invalid_data"
    INVALID_CONFIG = "invalid_config"
    BASE_MISSING = "base_missing"
    BASE_CORRUPT = "base_corrupt"
    CHECKPOINT_CORRUPT = "checkpoint_corrupt"
    ARTIFACT_CORRUPT = "artifact_corrupt"
    CRASHED = "crashed"
    INT8_INACCURATE = "int8_inaccurate"


class EngineError(Exception):
    """A foreseeable failure: `code` for programs, the message for people (it names the fix)."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ExitCode(IntEnum):
    """How the trainer's process ends when no signal ends it."""

    DONE = 0
    STOPPED = 3
    CANCELLED = 4
    FAILED = 5
    ORPHANED = 6


@dataclass(frozen=True, slots=True)
class BaseReference:
    """Which base to train on: `directory` is a Hugging Face folder; the hash pins its weights."""

    id: str
    directory: str
    weights_sha256: str


@dataclass(frozen=True, slots=True)
class InitialReference:
    """Weights to begin with: an artifact's or a checkpoint's folder, relative to the run folder."""

    directory: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrainSpec:
    """`spec.json` of a run folder; `config` values may be "auto" or missing."""

    task: str
    tier: str
    labels: tuple[str, ...]
    base: BaseReference
    config: Mapping[str, object] = field(default_factory=dict)
    folds: int = 0
    """Cross-validation before the model is trained; 0 = none."""
    trials: int = 0
    """Configurations that a search tries on cached features; 0 = no search."""
    runs: int = 0
    """Full runs of the best few; tiers lora and full."""
    fixed: tuple[str, ...] = ()
    """Hyper-parameters that were asked for by name: a search leaves them alone."""
    resume: str | None = None
    checkpoint_seconds: float = 30.0
    threads: int = 0
    """Torch threads to start with; 0 = all cores."""
    polite: bool = False
    background: bool = False
    """Whether everything else on the machine goes first, all the time."""
    test_hooks: Mapping[str, float] = field(default_factory=dict)
    """Delays for tests, milliseconds: `step_delay_ms`, `checkpoint_delay_ms`."""
    initial: InitialReference | None = None
    """What a run without `resume` begins with; None = the bare base."""
    token_limit: int | None = None
    """Trained tokens after which the run ends, if its epochs do not end it before."""
    patient_baselines: bool = False
    """Whether baselines take as long as they take: money depends on them, not on a busy machine."""

    def write(self, run_dir: Path) -> Path:
        """Write `spec.json` into the run folder and return its path."""
        path = run_dir / "spec.json"
        body = {"format": FORMAT, **asdict(self)}
        path.write_text(json.dumps(body, ensure_ascii=False, indent=1), encoding="utf-8")
        return path

    @classmethod
    def read(cls, run_dir: Path) -> Self:
        """Read `spec.json`; raises EngineError(invalid_config) when it is not one."""
        try:
            body = json.loads((run_dir / "spec.json").read_text(encoding="utf-8"))
            if body.pop("format") != FORMAT:
                raise ValueError("format")
            body["base"] = BaseReference(**body["base"])
            body["labels"] = tuple(str(label) for label in body["labels"])
            body["fixed"] = tuple(str(name) for name in body.get("fixed", ()))
            initial = body.get("initial")
            if initial is not None:
                labels = tuple(str(label) for label in initial["labels"])
                body["initial"] = InitialReference(initial["directory"], labels)
            return cls(**body)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise EngineError(
                ErrorCode.INVALID_CONFIG, f"spec.json cannot be read: {error!r}"
            ) from error


@dataclass(frozen=True, slots=True)
class PhaseMessage:
    """The child entered a phase: loading, tokenizing, encoding, searching, cross_validating,
    training, evaluating, saving."""

    type: ClassVar[str] = "phase"
    phase: str


@dataclass(frozen=True, slots=True)
class PlanMessage:
    """What the run will do, known once the rows are tokenized."""

    type: ClassVar[str] = "plan"
    steps: int
    epochs: int
    rows: int
    tokens_per_pass: int
    trained_tokens: int
    config: Mapping[str, Json]
    device: str = ""
    """What it runs on: `cpu`, or the accelerator's name."""


@dataclass(frozen=True, slots=True)
class MetricMessage:
    """Progress. `validation` is set only right after an evaluation; seconds count all attempts."""

    type: ClassVar[str] = "metric"
    step: int
    steps_planned: int
    epoch: float
    train_loss: float
    learning_rate: float
    trained_tokens: int
    rows_per_second: float
    seconds: float
    validation: Mapping[str, float] | None = None
    part: str = ""
    """Which part of a study is at work: "fold 2/5"; empty for the model itself."""
    samples: Mapping[str, Json] | None = None
    """Rows from either end of that evaluation, by number; tiers lora and full."""


@dataclass(frozen=True, slots=True)
class CheckpointMessage:
    """A checkpoint is durable at `path`, relative to the run folder."""

    type: ClassVar[str] = "checkpoint"
    path: str
    step: int
    epoch: float
    trained_tokens: int
    manifest_sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class StudyMessage:
    """All that a study has found so far: `search` and `cross_validation`. `files` is the folder of
    the out-of-fold predictions once all folds are done, relative to the run folder.
    """

    type: ClassVar[str] = "study"
    found: Mapping[str, Json]
    files: str | None = None


@dataclass(frozen=True, slots=True)
class LogMessage:
    """A sentence for the job's log."""

    type: ClassVar[str] = "log"
    level: Literal["info", "warning"]
    message: str
    code: str = ""
    """By which a page says the same in its reader's language."""


@dataclass(frozen=True, slots=True)
class ThreadsRequest:
    """The child asks how many threads it may use; it goes on meanwhile."""

    type: ClassVar[str] = "threads_request"


@dataclass(frozen=True, slots=True)
class StoppedMessage:
    """The child ends because it was told to."""

    type: ClassVar[str] = "stopped"
    mode: StopMode
    checkpoint: str | None
    step: int
    trained_tokens: int


@dataclass(frozen=True, slots=True)
class DoneMessage:
    """The artifact is complete. `trained_tokens` is what to charge, never above the planned."""

    type: ClassVar[str] = "done"
    artifact: str
    manifest_sha256: str
    metrics: Mapping[str, Json]
    trained_tokens: int
    trained_tokens_planned: int
    steps: int
    steps_planned: int
    epochs: float
    early_stopped: bool
    seconds: float
    rows_per_second: float
    evaluation: str | None = None
    """Folder of the evaluation report in the run folder; None when there is none."""


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """The run failed; the process ends with ExitCode.FAILED."""

    type: ClassVar[str] = "error"
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ThreadsCommand:
    """Supervisor to child: use n threads; polite = micro-steps under about 50 ms."""

    type: ClassVar[str] = "threads"
    n: int
    polite: bool = False


@dataclass(frozen=True, slots=True)
class StopCommand:
    """Supervisor to child: end. `keep` makes a cancel write a checkpoint first."""

    type: ClassVar[str] = "stop"
    mode: StopMode
    keep: bool = False


Message: TypeAlias = (
    PhaseMessage
    | PlanMessage
    | MetricMessage
    | CheckpointMessage
    | StudyMessage
    | LogMessage
    | ThreadsRequest
    | StoppedMessage
    | DoneMessage
    | ErrorMessage
)
Command: TypeAlias = ThreadsCommand | StopCommand

_MESSAGES: dict[str, type[Message]] = {
    kind.type: kind
    for kind in (
        PhaseMessage,
        PlanMessage,
        MetricMessage,
        CheckpointMessage,
        StudyMessage,
        LogMessage,
        ThreadsRequest,
        StoppedMessage,
        DoneMessage,
        ErrorMessage,
    )
}
_COMMANDS: dict[str, type[Command]] = {kind.type: kind for kind in (ThreadsCommand, StopCommand)}


def encode_message(message: Message | Command) -> str:
    """One line of JSON without its newline; floats that JSON lacks become null."""
    body = {"type": message.type, **asdict(message)}
    return json.dumps(_finite(body), ensure_ascii=True, separators=(",", ":"))


def parse_message(line: str | bytes) -> Message:
    """What the child said; ValueError on anything else. Unknown fields are ignored."""
    return _parse(line, _MESSAGES)


def parse_command(line: str | bytes) -> Command:
    """What the supervisor said; ValueError on anything else."""
    return _parse(line, _COMMANDS)


def _parse(line: str | bytes, kinds: Mapping[str, type[Kind]]) -> Kind:
    body = json.loads(line)
    if not isinstance(body, dict) or body.get("type") not in kinds:
        raise ValueError(f"not a message: {line[:200]!r}")
    kind = kinds[body["type"]]
    names = {item.name for item in fields(kind)}  # type: ignore[arg-type]  # all are dataclasses
    try:
        return kind(**{name: value for name, value in body.items() if name in names})
    except TypeError as error:
        raise ValueError(f"message lacks fields: {error}") from error


def _finite(value: object) -> object:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
