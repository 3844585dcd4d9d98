"""The pages of docs/providers are those that provider_pages makes of the mappings.

`UPDATE_DOCS=1 python -m pytest tests/test_provider_pages.py` writes them anew.
"""

from __future__ import annotations

import pytest

from tests.cases import providers
from tests.provider_pages import index, page
from tests.test_docs import DOCS, UPDATE

FOLDER = DOCS / "providers"
UPDATE_WITH = "UPDATE_DOCS=1 python -m pytest tests/test_provider_pages.py"


@pytest.mark.parametrize("provider", providers())
def test_page_is_up_to_date(provider: str) -> None:
    _compare(provider, page(provider))


def test_index_is_up_to_date() -> None:
    _compare("index", index())


def test_no_page_is_left_of_a_mapping_that_is_gone() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == {"index", *providers()}


def _compare(name: str, made: str) -> None:
    file = FOLDER / f"{name}.md"
    if UPDATE:
        file.write_text(made, encoding="utf-8")
    assert file.is_file(), f"missing: {UPDATE_WITH}"
    assert file.read_text(encoding="utf-8") == made, f"stale: {UPDATE_WITH}"
