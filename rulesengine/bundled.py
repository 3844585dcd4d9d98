"""The files that come with the package: mappings by provider name, a page for each diagnostic code.

In a wheel they lie under `rulesengine/bundled`; in a checkout they are the folders `mappings` and `docs/errors` beside
the package.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent
_IN_CHECKOUT = {"mappings": "mappings", "errors": "docs/errors"}


def _folder(name: str) -> Path:
    inside = _PACKAGE / "bundled" / name
    return inside if inside.is_dir() else _PACKAGE.parent / _IN_CHECKOUT[name]


def bundled_mapping(provider: str) -> Path | None:
    """The mapping file of a provider that comes with the package, or None."""
    return next((path for path in bundled_mappings() if path.stem == provider), None)


def bundled_mappings() -> list[Path]:
    """All mapping files that come with the package, by name."""
    return sorted(_folder("mappings").glob("*.yml"))


def error_page(number: str) -> str | None:
    """The page of a diagnostic code in Markdown, or None."""
    path = _folder("errors") / f"{number}.md"
    return path.read_text(encoding="utf-8") if path.is_file() else None
