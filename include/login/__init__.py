"""Logging in at Exact Online: the browser's consent, and the tokens kept where all workers find them."""

from __future__ import annotations

from include.login.connection import App, app_of, read_connection
from include.login.consent import log_in, login
from include.login.report import LoginReport

__all__ = ["App", "LoginReport", "app_of", "log_in", "login", "read_connection"]
