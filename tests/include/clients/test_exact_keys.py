from __future__ import annotations

from uuid import UUID

import pytest

from include.clients.endpoints import EndpointInfo, find_endpoint, unlisted_endpoint
from include.clients.exact_keys import condition, path_key
from include.errors import ConfigurationError

GUID = "790fc424-dc9f-405d-ab09-22d4ee00f653"


@pytest.mark.parametrize(
    ("endpoint", "key", "path", "expected"),
    [
        ("crm/Accounts", GUID, f"(guid'{GUID}')", f"ID eq guid'{GUID}'"),
        ("crm/Accounts", GUID.upper(), f"(guid'{GUID}')", f"ID eq guid'{GUID}'"),
        ("crm/Accounts", f"guid'{GUID}'", f"(guid'{GUID}')", f"ID eq guid'{GUID}'"),
        ("crm/Accounts", f"{{{GUID}}}", f"(guid'{GUID}')", f"ID eq guid'{GUID}'"),
        ("crm/Accounts", UUID(GUID), f"(guid'{GUID}')", f"ID eq guid'{GUID}'"),
        ("salesinvoice/SalesInvoices", GUID, f"(guid'{GUID}')", f"InvoiceID eq guid'{GUID}'"),
        ("system/Divisions", 124132, "(124132)", "Code eq 124132"),
        ("system/Divisions", " 124132 ", "(124132)", "Code eq 124132"),
        ("read/financial/PayablesList", 387, "(387L)", "HID eq 387L"),
        ("read/financial/PayablesList", "387L", "(387L)", "HID eq 387L"),
        ("general/Currencies", "GMD", "('GMD')", "Code eq 'GMD'"),
        ("general/Currencies", "'GMD'", "('GMD')", "Code eq 'GMD'"),
        ("general/Currencies", "O'Neill", "('O''Neill')", "Code eq 'O''Neill'"),
        (
            "read/financial/JournalStatusList",
            "Year=2014, Journal='10',Period=6",
            "(Journal='10',Period=6,Year=2014)",
            "Journal eq '10' and Period eq 6 and Year eq 2014",
        ),
        (
            "read/financial/JournalStatusList",
            "Journal='1,Year=2',Period=6,Year=2014",
            "(Journal='1,Year=2',Period=6,Year=2014)",
            "Journal eq '1,Year=2' and Period eq 6 and Year eq 2014",
        ),
    ],
)
def test_keys(endpoint: str, key: str | int | UUID, path: str, expected: str) -> None:
    info = find_endpoint(endpoint)
    assert path_key(info, key) == path
    assert condition(info, key) == expected


@pytest.mark.parametrize(
    ("endpoint", "key"),
    [
        ("crm/Accounts", "') or true"),
        ("crm/Accounts", ""),
        ("crm/Accounts", 5),
        ("crm/Accounts", None),
        ("crm/Accounts", GUID[:-1]),
        ("crm/Accounts", f"{GUID}') or (1 eq 1"),
        ("system/Divisions", 124132.0),
        ("system/Divisions", float("nan")),
        ("system/Divisions", True),
        ("system/Divisions", "1 or 1 eq 1"),
        ("system/Divisions", 2**31),
        ("system/Divisions", "٣"),
        ("read/financial/PayablesList", 2**63),
        ("general/Currencies", ""),
        ("general/Currencies", "a\nb"),
        ("general/Currencies", "../x"),
        ("general/Currencies", "x" * 201),
        ("read/financial/JournalStatusList", "Journal='10',Period=6"),
        ("read/financial/JournalStatusList", "Journal='10',Period=6,Year=2014 or 1 eq 1"),
        ("read/financial/JournalStatusList", "Journal='10',Period='6',Year=2014"),
        ("read/financial/JournalStatusList", 10),
    ],
)
def test_keys_that_are_none(endpoint: str, key: object) -> None:
    """Nothing that is no key gets into a URL, and the text does not quote it."""
    info = find_endpoint(endpoint)
    for write in (path_key, condition):
        with pytest.raises(ConfigurationError) as caught:
            write(info, key)  # type: ignore[arg-type]
        assert caught.value.reason_code.endswith(".malformed")
        assert "eq 1" not in str(caught.value)


def test_unknown_key_cannot_be_filtered_by() -> None:
    info: EndpointInfo = find_endpoint("read/project/RecentCosts")
    with pytest.raises(ConfigurationError, match="filter"):
        condition(info, GUID)
    assert path_key(unlisted_endpoint("crm/NewThings"), GUID) == f"(guid'{GUID}')"
