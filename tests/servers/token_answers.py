"""What Exact's token endpoint says, and a clock to say it by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx

T0 = datetime(2026, 6, 25, 14, 0, tzinfo=UTC)
OLD = {"error": "unauthorized_client", "error_description": "Old refresh token used."}
EXPIRED = {
    "error": "invalid_request",
    "error_description": "The refresh token expired at 10/11/2022 9:18:20 PM and it is now 10/28/2022 4:15:50 PM.",
}
NO_CHAIN = {
    "error": "invalid_grant",
    "error_description": "Token is not allowed, because of invalid or empty chainId",
}
EARLY = {"error": "access_denied", "error_description": "Rate limit exceeded: access_token not expired"}


class Clock:
    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> datetime:
        return self.now

    def at(self, seconds: float) -> None:
        self.now = T0 + timedelta(seconds=seconds)


def fresh(name: str = "two") -> httpx.Response:
    return httpx.Response(
        200,
        json={
            "access_token": f"access-{name}",
            "token_type": "bearer",
            "expires_in": "600",
            "refresh_token": f"refresh-{name}!",
        },
    )
