"""The credentials of the sandbox's Personio, and the headers that they lead to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_home import PERSONIO_CLIENT

if TYPE_CHECKING:
    import httpx

LOGIN = dict(zip(("client_id", "client_secret"), PERSONIO_CLIENT, strict=True))
GRANT = {**LOGIN, "grant_type": "client_credentials"}
RECRUITING = {"Authorization": "Bearer sandbox-recruiting-token", "X-Company-ID": "4242"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def v1_token(http: httpx.Client) -> str:
    return str(http.post("/v1/auth", json=LOGIN).json()["data"]["token"])


def v2_token(http: httpx.Client, **form: str) -> str:
    return str(http.post("/v2/auth/token", data={**GRANT, **form}).json()["access_token"])
