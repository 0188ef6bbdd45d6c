"""``python -m include.cli`` is ``exact-personio``, for who has no scripts on the path."""

from __future__ import annotations

from include.cli import app

if __name__ == "__main__":
    app()
