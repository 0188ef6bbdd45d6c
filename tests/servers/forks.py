"""Processes for tests: forked from a server that has imported the ledger and the clients, and that has no threads.

A fresh interpreter takes two seconds of a core to import them; a fork takes milliseconds. What the environment says
when the first one starts holds for all of them.
"""

from __future__ import annotations

import multiprocessing

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["include.clients.exact", "include.clients.tokens", "include.ledger"])
