"""Who may know whom: one module a third party, and each module imports only from those above it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "rulesengine"

# From the top: a module imports only from modules that stand before it.
ORDER = [
    "diagnostics",
    "codes",
    "errors",
    "patterns",
    "times",
    "positions",
    "source",
    "jmes",
    "unparse",
    "runtime",
    "limits",
    "bodies",
    "signatures",
    "functions",
    "forms",
    "payloads",
    "gz",
    "files",
    "output",
    "possible",
    "narrowing",
    "analysis",
    "conditions",
    "keys",
    "shape",
    "vocabulary",
    "schema",
    "app",
    "model",
    "program",
    "linking",
    "writer",
    "translate",
    "expressions",
    "coverage",
    "dispatch",
    "paths",
    "usage",
    "idle",
    "emissions",
    "reach",
    "lookups",
    "checks",
    "silencers",
    "emitting",
    "recording",
    "codegen",
    "running",
    "lean",
    "explaining.probing",
    "explaining.derivation",
    "explaining.why",
    "bundled",
    "gathering",
    "loading",
    "building",
    "store",
    "keeping",
    "comparing.revisions",
    "engine",
    "reload",
    "testing.cases",
    "testing.trials",
    "testing.suites",
    "testing.reports",
    "flow",
    "testing.updating",
    "testing.mutants",
    "samples",
    "drafting.hints",
    "drafting.fields",
    "drafting.specimens",
    "drafting.envelopes",
    "drafting.candidates",
    "drafting.traits",
    "drafting.inference",
    "drafting.redaction",
    "drafting.scaffold",
    "drafting.drafts",
    "parts",
    "flows",
    "tally",
    "rejects",
    "watching",
    "stream",
    "explaining.stream",
    "explaining.reports",
    "comparing.changes",
    "comparing.versions",
    "comparing.reports",
    "processes",
    "retrying",
    "sankey",
    "page",
    "reports",
    "checkpoints",
    "cli",
    "__init__",
    "__main__",
    "integrations",
]
# Folders of modules that belong together, and those whose modules are all on one level.
GROUPS = ("testing", "explaining", "comparing", "drafting")
ALIKE = ("commands", "integrations")
THIRD_PARTIES = {
    "yaml": {"source"},
    "jmespath": {"jmes"},
    "cerberus": {"shape"},
    "msgspec": {"payloads"},
    "re2": {"patterns"},
    "click": {"cli", "commands"},
    "pyarrow": {"integrations"},
    "pyspark": {"integrations"},
    "apache_beam": {"integrations"},
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """The name of a module within the package; all of `commands` and of `integrations` have one."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0] if parts[0] in ALIKE else ".".join(parts)


def imported(path: Path) -> set[str]:
    """The dotted names that a module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_one_module_a_third_party(path: Path) -> None:
    roots = {name.split(".")[0] for name in imported(path)} - set(sys.stdlib_module_names) - {"rulesengine"}
    assert roots <= THIRD_PARTIES.keys()
    assert {root for root in roots if name_of(path) not in THIRD_PARTIES[root]} == set()


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_upwards(path: Path) -> None:
    own = name_of(path)
    below = ORDER[ORDER.index(own) + 1 :] if own in ORDER else []
    assert [name for name in imported(path) if _module(name) in below] == []


def _module(name: str) -> str:
    """The name within the package of the module that an imported name is or stands in."""
    parts = name.split(".")
    if parts[0] != "rulesengine" or len(parts) == 1:
        return ""
    return ".".join(parts[1:3]) if parts[1] in GROUPS else parts[1]


def test_every_module_has_its_place() -> None:
    named = {name_of(path) for path in modules()} - {f"{group}.__init__" for group in GROUPS}
    assert named == {*ORDER, "commands"}


def test_the_library_does_not_load_the_command_line() -> None:
    code = "import rulesengine, sys; print('click' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_the_library_never_prints() -> None:
    for path in modules():
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        assert not [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
