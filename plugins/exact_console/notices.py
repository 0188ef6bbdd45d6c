"""What a page says once of what was just done: signed, for that page and that user alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from exact_console.signing import read, sign

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

Tab = Literal["connections", "records"]


def notice(tab: Tab, user: BaseUser, told: dict[str, Any]) -> str:
    """Return a notice for the address of a page.

    :param tab: the page that shows it; each expects values of its own.
    :param user: of this request; nobody else is shown it.
    :param told: readable by whoever sees the address.
    """
    return sign("notice", {"tab": tab, "user": user.get_id(), "told": told})


def told_in(text: str, tab: Tab, user: BaseUser) -> dict[str, Any] | None:
    """Return what a notice tells on this page to this user; None: nothing.

    :param text: from the address.
    """
    found = read("notice", text)
    if found is None or (found[0].get("tab"), found[0].get("user")) != (tab, user.get_id()):
        return None
    return dict(found[0]["told"])
