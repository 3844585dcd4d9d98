"""A small process that runs a command (its arguments) and prints what that took, as JSON. Standard library only."""

import json
import os
import subprocess
import sys
from time import perf_counter

_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss

start = perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
seconds = perf_counter() - start
process.returncode = os.waitstatus_to_exitcode(status)
if process.returncode != 0:
    sys.exit(f"exit status {process.returncode}")
sys.stdout.write(json.dumps({"seconds": seconds, "memory": usage.ru_maxrss * _UNIT}))
