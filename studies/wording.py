"""How results are told on the pages: of which pictures, on which machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]


def data(found: Json) -> str:
    """The photographs or the video of a result, without its kind of source."""
    text: str = found["data"]
    return text.partition(":")[2] or text


def host(found: Json) -> str:
    """A machine in one line."""
    name = found.get("board") or found.get("cpu") or found["architecture"]
    governor = f", governor {found['governor']}" if "governor" in found else ""
    system = found["os"].partition(",")[0]  # without the kernel's version
    return (
        f"{name}, {found['cores']} cores{governor}, {system}, Python {found['python']}, "
        f"{found['interpreter']}"
    )


def machine(found: Json) -> str:
    """Of a machine what matters for speed, in one line."""
    name = found.get("board") or found.get("cpu") or found["architecture"]
    return f"{name}, {found['cores']} cores, {found['os'].partition(',')[0]}"
