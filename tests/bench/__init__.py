"""Benchmarks: `python -m tests.bench`. Never part of the test run; docs/benchmarks.md has the figures."""
