"""An access token on loan: used while it lives, never renewed."""

from __future__ import annotations

from include.errors import CredentialsError


class LentToken:
    """Stands where a client expects :class:`~include.clients.tokens.ExactTokens`, for who may only look.

    :param access_token: of a login that somebody else looks after.
    """

    def __init__(self, access_token: str) -> None:
        self._token = access_token

    def access_token(self) -> str:
        """Return the token."""
        return self._token

    def refresh_after_401(self, used: str) -> str:
        """Refuse: looking must not move the chain on.

        :raises CredentialsError: always.
        """
        del used
        raise CredentialsError(
            "Exact refuses the stored access token.",
            reason_code="exact.access_token.refused",
            way_out="The next run renews it; if that fails, its message says what to do.",
            status=401,
        )
