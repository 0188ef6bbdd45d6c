from __future__ import annotations

from bad_world import url, world

__all__ = ["url", "world"]
