"""The trainer's process: `python -m mlworker.engine.trainer --run-dir DIR`.

It imports torch, tokenizers and safetensors, nothing of the web. Messages leave by the original
standard output; file descriptor 1 itself then points to standard error, so that a stray print
cannot corrupt them. It ends when its supervisor's pipe closes, and the kernel kills it when the
supervisor dies first.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
import traceback
from pathlib import Path

import torch

from mlworker.engine.compiler import leave_compiler_out
from mlworker.engine.contracts import (
    EngineError,
    ErrorCode,
    ErrorMessage,
    ExitCode,
    StopCommand,
    StoppedMessage,
    TrainSpec,
)
from mlworker.engine.device import keep_freed_memory, step_back
from mlworker.engine.link import Orphaned, PipeLink, StopRequested
from mlworker.engine.training.run import Run
from mlworker.engine.training.state import checkpoint_try

_PR_SET_PDEATHSIG = 1
_MEMORY_WORDS = ("out of memory", "not enough memory", "cannot allocate", "can't allocate")


def main(arguments: list[str] | None = None) -> int:
    """Run to an end and say by the exit code which one (`ExitCode`)."""
    parser = argparse.ArgumentParser(description="Train one run folder.")
    parser.add_argument("--run-dir", type=Path, required=True)
    run_dir: Path = parser.parse_args(arguments).run_dir
    parent = os.getppid()
    _die_with_parent()
    if os.getppid() != parent:
        return ExitCode.ORPHANED
    messages = os.dup(1)
    os.dup2(2, 1)
    link = PipeLink(0, messages, polite=False)
    try:
        return _supervised(run_dir, link)
    except Orphaned:
        return ExitCode.ORPHANED


def _supervised(run_dir: Path, link: PipeLink) -> ExitCode:
    run: Run | None = None
    try:
        spec = TrainSpec.read(run_dir)
        link.polite = spec.polite
        if spec.background:
            step_back()
        torch.set_num_threads(spec.threads or os.cpu_count() or 1)
        keep_freed_memory()
        leave_compiler_out()
        run = Run(run_dir, spec, link)
        link.send(run.execute())
    except StopRequested as stop:
        return _stop(run, link, stop.command)
    except EngineError as error:
        link.send(ErrorMessage(error.code, error.message))
        return ExitCode.FAILED
    except MemoryError:
        link.send(ErrorMessage(ErrorCode.OUT_OF_MEMORY, _MEMORY_ADVICE))
        return ExitCode.FAILED
    except Exception as error:  # noqa: BLE001 - the last line of defence names every crash
        traceback.print_exc()
        link.send(_unforeseen(error))
        return ExitCode.FAILED
    return ExitCode.DONE


def _stop(run: Run | None, link: PipeLink, command: StopCommand) -> ExitCode:
    keep = command.mode == "checkpoint" or command.keep
    saved = checkpoint_try(link, run.save) if run is not None and keep else None
    step, tokens = (0, 0) if run is None else run.progress
    link.send(
        StoppedMessage(
            mode=command.mode,
            checkpoint=None if saved is None else saved.path,
            step=step,
            trained_tokens=tokens,
        )
    )
    return ExitCode.STOPPED if command.mode == "checkpoint" else ExitCode.CANCELLED


_MEMORY_ADVICE = "The machine ran out of memory. Choose a smaller batch_tokens or max_length."


def _unforeseen(error: Exception) -> ErrorMessage:
    text = str(error)
    if isinstance(error, torch.OutOfMemoryError) or any(
        words in text.lower() for words in _MEMORY_WORDS
    ):
        return ErrorMessage(ErrorCode.OUT_OF_MEMORY, _MEMORY_ADVICE)
    # Its words name folders and code, which are no business of a customer: see standard error.
    name = type(error).__name__
    return ErrorMessage(ErrorCode.CRASHED, f"The trainer met an unexpected error ({name}).")


def _die_with_parent() -> None:
    """Linux only; elsewhere the closed pipe alone ends the process."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
