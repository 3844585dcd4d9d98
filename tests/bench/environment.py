"""What the figures were taken with: Python, processor, versions of packages. Nothing that names a machine."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

from tests.bench.peers import PEERS

Environment = dict[str, str | int | dict[str, str]]

_PACKAGES = ("rulesengine", "jmespath", "msgspec", "orjson", *(peer.package for peer in PEERS))


def environment() -> Environment:
    """As the JSON holds it."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "packages": {name: version for name in _PACKAGES if (version := _version(name)) is not None},
    }


def _processor() -> str:
    """The model of the processor, where the system says so."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
