"""A trainer without torch's compiler.

torch's optimizers load it before their first step, to tell it to leave them alone: 1.2 of the 3
seconds of processor time that a training needs before it begins (measured, torch 2.13). Nothing is
compiled here, so what they ask of it is answered at once; whoever asks for more gets the real one.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

import torch

_NAME = "torch._dynamo"


class _NoCompiler(ModuleType):
    """What the optimizers call of the compiler."""

    @staticmethod
    def disable(function: Any, *_options: Any, **_more: Any) -> Any:
        """Nothing to keep out: the function itself."""
        return function

    @staticmethod
    def graph_break() -> None:
        """No graph is recorded that could be broken."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(_NAME) is self:
            del sys.modules[_NAME]
        return getattr(importlib.import_module(_NAME), name)


def leave_compiler_out() -> None:
    """Let optimizers of this process do without the compiler; call it before the first step."""
    if _NAME not in sys.modules:
        sys.modules[_NAME] = torch._dynamo = _NoCompiler(_NAME)
