"""Patterns: what they find, what is refused and in which words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rulesengine.patterns import compile_pattern


@pytest.mark.parametrize(
    ("pattern", "subject", "found"),
    [
        ("5\\.1", "550 5.1.1", True),
        ("^5\\.1", "550 5.1.1", False),
        ("(?i)stop", "please STOP", True),
        ("", "", True),
        ("é$", "café", True),
        ("^.$", "é", True),
        ("(a+)+$", "a" * 5_000 + "b", False),
    ],
)
def test_matches_anywhere(pattern: str, subject: str, found: bool) -> None:
    assert compile_pattern(pattern).matches(subject) is found


@pytest.mark.parametrize(
    ("pattern", "subject", "part"),
    [
        ("5\\.\\d", "550 5.1.1", "5.1"),
        ("code (\\d)(\\d)", "code 42", "4"),
        ("(?P<name>b)", "abc", "b"),
        ("(x)?y", "y", None),
        ("(x*)y", "y", ""),
        ("z", "y", None),
        ("é(.)", "caféß", "ß"),
    ],
)
def test_capture_takes_the_first_group_or_all(pattern: str, subject: str, part: str | None) -> None:
    assert compile_pattern(pattern).capture(subject) == part


def test_a_match_that_ends_inside_a_character_is_still_text() -> None:
    assert compile_pattern("\\C").capture("é") == "\ufffd"


@pytest.mark.parametrize("pattern", ["a(?=b)", "a(?!b)", "(?<=a)b", "(?<!a)b"])
def test_look_around_is_refused_in_plain_words(pattern: str) -> None:
    with pytest.raises(ValueError, match="uses look-around, which patterns here do not have") as caught:
        compile_pattern(pattern)
    assert repr(pattern) in str(caught.value)


@pytest.mark.parametrize("pattern", ["(a)\\1", "(?P<n>a)(?P=n)", "(a)\\g<1>", "(?P<n>a)\\k<n>", "\\9"])
def test_a_back_reference_is_refused_in_plain_words(pattern: str) -> None:
    with pytest.raises(ValueError, match="uses a back-reference, which patterns here do not have"):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("[", "the pattern '[' is not one RE2 takes: missing ]: ["),
        ("(", "the pattern '(' is not one RE2 takes: missing ): ("),
        ("(?P>n)", "the pattern '(?P>n)' is not one RE2 takes: invalid perl operator: (?P"),
        ("a\ud800", "the pattern 'a\\ud800' holds half a surrogate pair, which is no character"),
        ("a" * 1_001, "a pattern of 1001 characters is too long: 1000 are allowed"),
    ],
)
def test_other_faults_say_what_is_wrong(pattern: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        compile_pattern(pattern)
    assert str(caught.value) == sentence


def test_a_pattern_of_the_longest_length_is_taken() -> None:
    assert compile_pattern("a" * 1_000).matches("a" * 1_000)


def test_a_pattern_that_needs_too_much_memory_is_refused() -> None:
    assert compile_pattern("\\pL{100}").matches("é" * 100)
    with pytest.raises(ValueError, match="is not one RE2 takes: pattern too large"):
        compile_pattern("\\pL{1000}")


def test_nothing_is_printed_for_a_faulty_pattern(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="missing"):
        compile_pattern("never compiled before (")
    assert capfd.readouterr() == ("", "")


@settings(deadline=None)
@given(st.text(max_size=20))
def test_any_text_is_a_pattern_or_a_value_error(text: str) -> None:
    try:
        pattern = compile_pattern(text)
    except ValueError:
        return
    assert pattern.matches("subject") in (True, False)
