"""The program: `rules`, or `python -m rulesengine`. An interrupt while it is loaded ends it quietly, too."""

import signal


def main() -> None:
    """Run the command line."""
    try:
        from rulesengine.cli import main as rules

        rules(prog_name="rules")
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None


if __name__ == "__main__":
    main()
