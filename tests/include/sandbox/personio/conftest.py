from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from personio_logins import bearer, v2_token

if TYPE_CHECKING:
    import httpx


@pytest.fixture
def http(visitor: httpx.Client) -> httpx.Client:
    """Ask a sandbox as it comes, without a token."""
    return visitor


@pytest.fixture
def auth(http: httpx.Client) -> dict[str, str]:
    """Return the headers of a login at v2."""
    return bearer(v2_token(http))
