"""The server that Prometheus scrapes, as a process of its own: it answers, and ends when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx
from prometheus_client.parser import text_string_to_metric_families

from include.metrics.exposition import CONTENT_TYPE

if TYPE_CHECKING:
    from pathlib import Path


def test_scrape_over_http(tmp_path: Path, free_port: int) -> None:
    env = {**os.environ, "EXACT_PERSONIO_LEDGER_URL": f"sqlite:///{tmp_path}/ledger.db"}
    command = [sys.executable, "-m", "include.cli", "metrics", "serve", "--port", str(free_port)]
    server = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    try:
        answer = _first_answer(f"http://127.0.0.1:{free_port}/metrics")
        assert answer.headers["Content-Type"] == CONTENT_TYPE
        names = {family.name for family in text_string_to_metric_families(answer.text)}
        assert "exact_personio_ledger_up" in names
        assert "exact_personio_ledger_up 1" in answer.text
        assert httpx.get(f"http://127.0.0.1:{free_port}/health").text == "ok"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=20)


def _first_answer(url: str) -> httpx.Response:
    until = time.monotonic() + 30
    while True:
        try:
            return httpx.get(url, timeout=20)
        except httpx.ConnectError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
