"""Run files in forks, as the DAG processor does: python -m benchmarks.parsing_forks FILE...

Prints milliseconds by file, of the process's CPU. Each is run twice: by the second time its modules are compiled.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import sys
import time

# A DAG processor has imported this before it forks.
import airflow.dag_processing.manager
import airflow.sdk


def parse(path: str) -> float:
    """Return the milliseconds of one file, run in a fork."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        began = time.process_time()
        runpy.run_path(path)
        os.write(writing, str((time.process_time() - began) * 1000).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        milliseconds = float(told.read())
    os.wait()
    return milliseconds


if __name__ == "__main__":
    # Its names are imported only when they are used; that is the SDK's time, and the DAG processor has done it.
    for name in airflow.sdk.__all__:
        getattr(airflow.sdk, name, None)
    # As the DAG processor does: what it has itself is not gone through again for each file.
    gc.freeze()
    for path in sys.argv[1:]:
        parse(path)
    sys.stdout.write("\n" + json.dumps({path: parse(path) for path in sys.argv[1:]}) + "\n")
