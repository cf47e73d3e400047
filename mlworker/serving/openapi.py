"""The gateway's shapes for the OpenAPI file."""

from typing import Any


def add_gateway_paths(
    result: dict[str, Any], generator: Any, request: Any, public: bool
) -> dict[str, Any]:
    """Add the paths."""
    return result
