"""`python -m rulesengine`: the same as `rules`."""

from rulesengine.cli import main

main(prog_name="rules")
