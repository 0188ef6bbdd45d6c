"""``python alive.py TriggererJob``: whether this container's job has shown a sign of life; for health checks.

``airflow jobs check`` asks the same of the same table, but needs five seconds of a processor to begin, every time; in
a stack of seven containers that adds up.
"""

from __future__ import annotations

import os
import socket
import sys

import psycopg2

SECONDS = 90
QUERY = """
SELECT count(*) FROM job
WHERE job_type = %s AND hostname = ANY(%s) AND state = 'running'
AND latest_heartbeat > now() - %s * interval '1 second'
"""


def main(job_type: str) -> int:
    """Return the exit code: 0 if there was a sign of life within the last minute and a half."""
    url = os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg2", "")
    with psycopg2.connect(url, connect_timeout=5) as connection, connection.cursor() as cursor:
        cursor.execute(QUERY, (job_type, [socket.getfqdn(), socket.gethostname()], SECONDS))
        (alive,) = cursor.fetchone() or (0,)
    return 0 if alive else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
