"""How much memory a trainer holds, and whether it died of want of it.

A kernel that ends a process for memory sends SIGKILL and tells nobody. Where it counts such ends
(cgroup v2, cgroup v1, the whole machine) the count is compared; where it does not, what was seen a
moment before decides. A limit of our own needs no cgroup: the watch ends the trainer itself.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_CGROUPS: Final = Path("/sys/fs/cgroup")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_SCARCE: Final = 0.03
"""Share of the machine's memory below which what is left counts as nothing ..."""
_SCARCE_BYTES: Final = 192 * 1024**2
"""... and never more than this."""
_NEAR: Final = 0.9
"""Share of a limit that counts as having reached it."""


class MemoryWatch:
    """Looks at one process; remembers the last look, which outlives the process."""

    def __init__(self, limit: int = 0) -> None:
        self._limit = limit
        self._kills = oom_kills()
        self.resident: int | None = None
        """Bytes held at the last look."""
        self._scarce = False

    def look(self, pid: int) -> None:
        """Read what the process holds and what the machine has left."""
        resident = _resident(pid)
        if resident is None:
            return
        self.resident = resident
        total, free = _machine()
        group = _group_limit()
        self._scarce = (total > 0 and free < min(total * _SCARCE, _SCARCE_BYTES)) or (
            group > 0 and resident > group * _NEAR
        )

    @property
    def over(self) -> bool:
        """Whether the process holds more than it was allowed."""
        return 0 < self._limit < (self.resident or 0)

    def killed_for_memory(self) -> bool:
        """Whether a process that SIGKILL has ended died of want of memory."""
        now = oom_kills()
        counted = any(after > before for after, before in zip(now, self._kills, strict=True))
        return counted or self.over or self._scarce


def oom_kills() -> tuple[int, ...]:
    """Return the kernel's counts of processes ended for memory: own group by v2, v1, machine."""
    return (
        max((_counted(path / "memory.events") for path in _groups("")), default=0),
        max((_counted(path / "memory.oom_control") for path in _groups("memory")), default=0),
        _counted(_PROC / "vmstat"),
    )


def _groups(controller: str) -> Iterator[Path]:
    """Yield where this process's own control group may be mounted."""
    root = _CGROUPS / controller
    yield root
    try:
        lines = (_PROC / "self" / "cgroup").read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        _, names, path = [*line.split(":", 2), "", ""][:3]
        if controller in names.split(","):
            yield root / path.lstrip("/")


def _counted(path: Path) -> int:
    return _entry(path, "oom_kill")


def _entry(path: Path, name: str) -> int:
    try:
        lines = path.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return 0
    for line in lines:
        words = line.replace(":", " ").split()
        if words[:1] == [name]:
            return int(words[1])
    return 0


def _resident(pid: int) -> int | None:
    """Bytes that a process holds; None for one that is gone, or dead and not yet taken away."""
    try:
        pages = int((_PROC / str(pid) / "statm").read_text("ascii").split()[1])
        return pages * _PAGE or None
    except (OSError, IndexError, ValueError):
        return None


def _machine() -> tuple[int, int]:
    """Total and available bytes of the machine."""
    path = _PROC / "meminfo"
    return _entry(path, "MemTotal") * 1024, _entry(path, "MemAvailable") * 1024


def _group_limit() -> int:
    """The tightest limit of the control groups; 0 = none."""
    found = []
    for controller, name in (("", "memory.max"), ("memory", "memory.limit_in_bytes")):
        for path in _groups(controller):
            try:
                text = (path / name).read_text("ascii").strip()
            except (OSError, UnicodeDecodeError):
                continue
            if text.isdigit() and int(text) < 2**60:
                found.append(int(text))
    return min(found, default=0)
