"""Which of Stripe's calls our code makes, read from the code itself."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import stripe

ROOT = Path(__file__).resolve().parents[3]
HOME = Path("billing/payments/provider")
CLIENT = "_v1"
"""The name under which our code keeps the official client."""


class Unread(AssertionError):
    """The code uses the client in a way that this reader does not follow."""


def importers() -> set[Path]:
    """Files of ours that import Stripe's library."""
    files = (
        path for top in ("billing", "mlworker", "platform", "tenants") for path in _python(top)
    )
    return {path.relative_to(ROOT) for path in files if _imports_stripe(path)}


def attributes_of_stripe() -> set[str]:
    """Names that our code takes from the library's module directly."""
    return {
        node.attr
        for path in _python(str(HOME))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "stripe"
    }


def doors() -> list[str]:
    """Where our code goes through a client to calls: its versions, and requests written by hand."""
    return [
        ast.unparse(node)
        for path in _python(str(HOME))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"v1", "v2", "raw_request"}
    ]


def calls_made() -> set[str]:
    """Every call, such as `customers.create`."""
    return _Reader().read()


def route_of_call(call: str) -> tuple[str, str]:
    """The method and the path that the official client asks for a call with."""
    found: Any = stripe.StripeClient("sk_test_nobody").v1
    for name in call.split("."):
        found = getattr(found, name)
    source = inspect.getsource(found)
    asked = re.search(r'_request\(\s*"(\w+)",\s*"([^"]+)"', source)
    if asked is None:
        raise Unread(f"{call} asks for nothing")
    return asked[1].upper(), asked[2]


class _Reader:
    """Follows the client through names, arguments and attributes, in the provider's files."""

    def __init__(self) -> None:
        self.calls: set[str] = set()
        trees = [ast.parse(path.read_text(encoding="utf-8")) for path in _python(str(HOME))]
        self.functions = {
            node.name: node
            for tree in trees
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef)
        }
        self.uses = {
            id(node)
            for tree in trees
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and node.attr == CLIENT
            and isinstance(node.ctx, ast.Load)
        }

    def read(self) -> set[str]:
        for function in self.functions.values():
            self._follow(function, {})
        if self.uses:
            raise Unread(f"{len(self.uses)} uses of the client lead nowhere: follow them here.")
        return self.calls

    def _follow(self, function: ast.FunctionDef, known: dict[str, str]) -> None:
        """Read a function some of whose names are the client's."""
        names = dict(known)
        for node in ast.walk(function):
            if isinstance(node, ast.AnnAssign | ast.Assign) and node.value is not None:
                path = self._path(node.value, names)
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if path is not None:
                    self._used(node.value)
                    names |= {each.id: path for each in targets if isinstance(each, ast.Name)}
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                self._call(node, names)

    def _call(self, node: ast.Call, names: dict[str, str]) -> None:
        path = self._path(node.func, names)
        if path:
            self._used(node.func)
            self.calls.add(path)
        for place, argument in enumerate(node.args):
            given = self._path(argument, names)
            if given is None:
                continue
            self._used(argument)
            if not isinstance(node.func, ast.Name) or node.func.id not in self.functions:
                raise Unread(f"{given} is given to {ast.unparse(node.func)}")
            callee = self.functions[node.func.id]
            self._follow(callee, {callee.args.args[place].arg: given})

    def _path(self, node: ast.expr, names: dict[str, str]) -> str | None:
        """What of the client an expression is: '' the client itself; None nothing of it."""
        if isinstance(node, ast.Name):
            return names.get(node.id)
        if not isinstance(node, ast.Attribute):
            return None
        if node.attr == CLIENT:
            return ""
        inner = self._path(node.value, names)
        return None if inner is None else f"{inner}.{node.attr}".lstrip(".")

    def _used(self, node: ast.expr) -> None:
        self.uses -= {id(each) for each in ast.walk(node)}


def _python(folder: str) -> Iterator[Path]:
    return (
        path for path in sorted((ROOT / folder).rglob("*.py")) if "node_modules" not in path.parts
    )


def _imports_stripe(path: Path) -> bool:
    return any(
        (isinstance(node, ast.Import) and any(_top(each.name) == "stripe" for each in node.names))
        or (isinstance(node, ast.ImportFrom) and _top(node.module or "") == "stripe")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    )


def _top(module: str) -> str:
    return module.partition(".")[0]
