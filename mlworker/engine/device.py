"""Which device and number format a run uses, and how the process's memory behaves."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEEP_BYTES = 1 << 30
_GROUP_TRIES, _GROUP_PAUSE = 100, 0.05

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class ByDevice(Generic[Value]):
    """A setting that a CPU, which waits for numbers, wants otherwise than an accelerator, which
    waits for calls.
    """

    cpu: Value
    accelerator: Value

    def on(self, device: torch.device | str) -> Value:
        """What it is there."""
        return self.cpu if torch.device(device).type == "cpu" else self.accelerator


def pick_device() -> torch.device:
    """The accelerator when there is one, else the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    # cuDNN's attention builds a plan for every new shape, and packed rows bring new ones all the
    # time: with it an H100 answered 1,200 rows a second, without it 9,800 (measured, bf16).
    torch.backends.cuda.enable_cudnn_sdp(False)
    return torch.device("cuda")


def device_name(device: torch.device) -> str:
    """`cpu`, or what the accelerator calls itself."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def pick_dtype(precision: str, device: torch.device) -> torch.dtype:
    """bf16 or float32; "auto" takes bf16 where it is multiplied natively."""
    half = precision == "bf16" or (precision == "auto" and bf16_native(device))
    return torch.bfloat16 if half else torch.float32


def bf16_native(device: torch.device) -> bool:
    """Whether a device multiplies bf16 by units of its own; elsewhere it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return _cpu_has_bf16()


def take_threads(count: int) -> None:
    """Let this thread compute with so many cores, whatever other threads take.

    At its first product a thread is given what any thread asked for last: it must come before.
    """
    torch.get_num_threads()
    torch.set_num_threads(count)


def keep_freed_memory() -> None:
    """Tell glibc to reuse freed tensors instead of giving their pages back at once.

    By default each tensor above 128 KiB is mapped and zeroed anew: a matrix product's result took
    up to three times longer (measured). Other C libraries ignore it.
    """
    if sys.platform != "linux":
        return
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_MMAP_THRESHOLD, _KEEP_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEEP_BYTES)
    except (OSError, AttributeError):
        return


def give_back_memory() -> None:
    """Let the system have what was freed, for instance by a base that is served no more.

    MiniLM-L6 after a few batches: 194 MB beside the 57 that went by themselves (measured). Other
    C libraries ignore it.
    """
    if sys.platform != "linux":
        return
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):
        return


def step_back() -> None:
    """Let everything else on this machine have the cores first; for threads begun from here on.

    Many kernels share cores out by session before they look at what is in it, and then no niceness
    is felt outside of it: calls at half load took 7 to 12 times as long beside a training whatever
    its own, and take twice as long since its session steps back as well (measured). Linux only,
    and no more than the system permits: a sandbox that refuses must not end a training.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    if os.getsid(0) == os.getpid():  # else others would step back, too
        with contextlib.suppress(OSError):  # a kernel that knows no such groups
            _session_steps_back()


def _session_steps_back() -> None:
    """Put this session behind others, once the kernel listens.

    From all that have no rights it takes one such write in a tenth of a second, so of trainers that
    begin together all but one are told to come again.
    """
    for _ in range(_GROUP_TRIES):
        try:
            Path("/proc/self/autogroup").write_text("19", encoding="ascii")
        except BlockingIOError:
            time.sleep(_GROUP_PAUSE)
        else:
            return


def _cpu_has_bf16() -> bool:
    amx = getattr(torch.cpu, "_is_amx_tile_supported", None)
    avx = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return any(bool(probe()) for probe in (amx, avx) if probe is not None)
