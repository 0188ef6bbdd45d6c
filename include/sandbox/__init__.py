"""Exact Online and Personio as one local server, so that everything runs without a login.

It shares no code with the clients it judges: what it accepts and refuses was written from what the services
are known to do.
"""

from __future__ import annotations
