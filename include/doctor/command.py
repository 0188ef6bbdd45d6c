"""``exact-personio doctor``."""

from __future__ import annotations

import sys

from include.doctor.installation import read_installation
from include.doctor.rendering import as_json_text, print_table
from include.doctor.run import run_doctor
from include.terminal import quiet_clients


def doctor_command(conn_id: str, personio_conn_id: str, as_json: bool) -> int:
    """Examine the installation of this environment and print what was found.

    :param conn_id: id of the connection to Exact Online.
    :param personio_conn_id: id of the connection to Personio.
    :param as_json: print JSON instead of a table.
    :returns: the exit status: 1 if a check failed, else 0.
    """
    with quiet_clients():
        findings = run_doctor(read_installation(conn_id, personio_conn_id))
    if as_json:
        sys.stdout.write(as_json_text(findings) + "\n")
    else:
        print_table(findings)
    return int(any(finding.status == "fail" for finding in findings))
