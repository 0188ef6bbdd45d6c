from __future__ import annotations

from bad_world import server, url, world

__all__ = ["server", "url", "world"]
