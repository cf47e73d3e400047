"""The trainer's first instructions, run as a script: tie it to its supervisor, cut the network.

A separate program and not a hook between fork and exec: such a hook runs Python in the copy of a
process with threads, which can deadlock. Imports the standard library alone, so it costs 20 ms.

Usage: python -I -S jail.py PARENT_PID PROGRAM ARGUMENT...
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
CLONE_NEWNET = 0x40000000
CLONE_NEWUSER = 0x10000000


def tie_to_parent(libc: ctypes.CDLL, parent: int) -> None:
    """Die with the supervisor's thread, also if it is gone already."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(6)


def cut_network(libc: ctypes.CDLL) -> bool:
    """Move into a network namespace without any interface, where the kernel permits it."""
    if libc.unshare(CLONE_NEWNET) == 0:
        return True
    user, group = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        return False
    Path("/proc/self/setgroups").write_text("deny", "ascii")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1", "ascii")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1", "ascii")
    return True


def main() -> None:
    """Prepare this process, then become the program."""
    libc = ctypes.CDLL(None, use_errno=True)
    tie_to_parent(libc, int(sys.argv[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        # When memory runs out the trainer goes, not the database beside it.
        Path("/proc/self/oom_score_adj").write_text("500", "ascii")
    with contextlib.suppress(OSError):
        if not cut_network(libc):
            sys.stderr.write("network: this kernel permits no namespace, it stays reachable\n")
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 # the supervisor made these arguments


if __name__ == "__main__":
    main()
