"""The floor of reading, httpx and orjson in a loop that stores nothing: python -m benchmarks.peers.bare_loop URL."""

from __future__ import annotations

import json
import sys

import httpx
from orjson import loads  # type: ignore[import-not-found, unused-ignore]

from benchmarks.usage import used


def read(http: httpx.Client, link: str) -> int:
    """Follow the links from page to page; return how many rows there were."""
    count = 0
    while link:
        data = loads(http.get(link).raise_for_status().content)["d"]
        count += len(data["results"])
        link = data.get("__next", "")
    return count


def main(link: str, token: str = "none") -> None:  # noqa: S107 - of nobody
    """Read, and print what it took; making the client, which loads certificates, is not counted."""
    headers = {"Accept": "application/json", "Authorization": f"Bearer {token}"}
    with httpx.Client(headers=headers, timeout=60) as http:
        sys.stdout.write(json.dumps(used(lambda: read(http, link))) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
