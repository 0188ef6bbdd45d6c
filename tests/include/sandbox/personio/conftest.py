from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from include.sandbox.server import RunningSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def running() -> Iterator[RunningSandbox]:
    """Run a sandbox as it comes."""
    with RunningSandbox() as found:
        yield found


@pytest.fixture
def http(running: RunningSandbox) -> Iterator[httpx.Client]:
    """Make a client that has no token yet."""
    with httpx.Client(base_url=running.url) as client:
        yield client
