"""What a check found, for programs: SARIF and GitHub annotations (JSON is in test_cli)."""

from __future__ import annotations

import json

from rulesengine import codes
from rulesengine.diagnostics import Place
from rulesengine.reports import as_github, as_sarif

FOUND = [
    codes.E104.at(Place("a,b.yml", 2, 3, 2, 6), key="k:\n%", line=1),
    codes.W301.at(Place("c.yml", 1, 1, 1, 2), name="t"),
]


def test_github_annotations_escape_what_would_end_them() -> None:
    assert as_github(FOUND) == (
        "::error file=a%2Cb.yml,line=2,col=3,endLine=2,endColumn=6,title=E104 repeated key::"
        "key 'k:\\n%25' is repeated; it stands in line 1 already; keep one of the two\n"
        "::notice file=c.yml,line=1,col=1,endLine=1,endColumn=2,title=W301 unused table::"
        "nothing uses the table 't'; remove it\n"
    )


def test_sarif_has_a_rule_for_each_code_and_a_result_for_each_diagnostic() -> None:
    log = json.loads(as_sarif(FOUND, "1.2.3"))
    (run,) = log["runs"]
    assert (log["version"], run["columnKind"]) == ("2.1.0", "unicodeCodePoints")
    assert run["tool"]["driver"]["version"] == "1.2.3"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["E104", "W301"]
    assert [(one["ruleId"], one["level"]) for one in run["results"]] == [("E104", "error"), ("W301", "note")]
    location = run["results"][0]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "a%2Cb.yml"
    assert location["region"] == {"startLine": 2, "startColumn": 3, "endLine": 2, "endColumn": 6}
    assert json.loads(as_sarif([], "1"))["runs"][0]["results"] == []
