"""The program: `rules`, or `python -m rulesengine`. An interrupt while it is loaded ends it quietly, too.

What it loads it needs to its end, and to look through that for garbage, time and again and once more at the end, takes
longer than Python takes to start.
"""

import gc
import signal

# How many more objects there must be than at the last look for garbage.
_SELDOM = 50_000


def main() -> None:
    """Run the command line."""
    gc.set_threshold(_SELDOM)
    try:
        from rulesengine.cli import main as rules

        rules(prog_name="rules")
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None
    finally:
        gc.freeze()  # the system takes back all memory at once


if __name__ == "__main__":
    main()
