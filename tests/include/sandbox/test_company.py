"""The made-up company."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from include.sandbox.company import (
    ACCOUNT_TROUBLES,
    CONTACT_TROUBLES,
    Company,
    make_company,
    repeated_hour,
)

UNTIL = datetime(2026, 11, 20, 12, 0)  # noqa: DTZ001 - a wall clock has no zone


def _made(*, seed: int = 1, dirty: bool = True) -> Company:
    return make_company(seed=seed, accounts=60, contacts=120, division=7, until=UNTIL, dirty=dirty)


def test_the_same_seed_gives_the_same_company() -> None:
    """Row for row; another seed gives other people."""
    assert _made() == _made()
    assert _made() != _made(seed=2)


def test_a_small_company_has_every_trouble() -> None:
    """Nobody has to make a large one to meet them all."""
    assert set(_made().troubles.values()) == {*CONTACT_TROUBLES, *ACCOUNT_TROUBLES}


def test_a_clean_company_has_none() -> None:
    """Everybody has a name and an address of their own, every account a main contact that exists."""
    company = _made(dirty=False)
    assert company.troubles == {}
    addresses = Counter(row["Email"] for row in company.contacts)
    assert set(addresses.values()) == {1}
    contacts = {row["ID"] for row in company.contacts}
    assert all(row["MainContact"] in contacts for row in company.accounts)
    assert all(row["FirstName"] and row["LastName"] for row in company.contacts)


def test_troubles_are_what_they_are_called() -> None:
    """The rows of each kind show it."""
    company = _made()
    rows = {row["ID"]: row for row in [*company.accounts, *company.contacts]}
    by_trouble: dict[str, list[dict[str, object]]] = {}
    for row_id, trouble in company.troubles.items():
        by_trouble.setdefault(trouble, []).append(rows[row_id])
    everybody = Counter(row["Email"] for row in company.contacts)
    accounts = {row["Account"] for row in company.contacts}
    assert all(row["Email"] is None for row in by_trouble["no_email"])
    assert all(everybody[row["Email"]] > 1 for row in by_trouble["duplicate_email"])
    assert all(row["FirstName"] == "  " for row in by_trouble["blank_first_name"])
    assert all(row["IsAnonymised"] == 1 and not row["LastName"] for row in by_trouble["anonymised"])
    assert all(row["MainContact"] is None for row in by_trouble["no_main_contact"])
    assert all(row["ID"] not in accounts for row in by_trouble["no_main_contact"])
    assert all(row["MainContact"] not in rows for row in by_trouble["dangling_main_contact"])
    assert all(row["EndDate"] for row in by_trouble["ended"])
    start = repeated_hour(2026)
    for row in by_trouble["repeated_hour"]:
        created = row["Created"]
        assert isinstance(created, datetime)
        assert start <= created < start + timedelta(hours=1)


def test_the_repeated_hour_is_that_of_the_last_sunday_in_october() -> None:
    """2025-10-26 and 2026-10-25, 02:00 on the wall clock."""
    assert repeated_hour(2025) == datetime(2025, 10, 26, 2)  # noqa: DTZ001 - a wall clock has no zone
    assert repeated_hour(2026) == datetime(2026, 10, 25, 2)  # noqa: DTZ001 - a wall clock has no zone


def test_columns_are_padded_and_dated_as_in_exact() -> None:
    """Code has 18 characters, Country 3, Language 10; nothing is created or changed after the end."""
    company = _made()
    assert {len(row["Code"]) for row in company.accounts} == {18}
    assert {len(row["Country"]) for row in company.accounts} == {3}
    assert {len(row["Language"]) for row in company.contacts} == {10}
    assert len({row["Code"] for row in company.accounts}) == 60
    for row in [*company.accounts, *company.contacts]:
        assert row["Created"] <= row["Modified"] <= UNTIL
        assert row["Created"].tzinfo is None


def test_a_company_may_be_empty_or_without_contacts() -> None:
    """Nothing is asked of the numbers."""
    none = make_company(seed=1, accounts=0, contacts=0, division=7, until=UNTIL)
    assert (none.accounts, none.contacts) == ([], [])
    lonely = make_company(seed=1, accounts=0, contacts=1, division=7, until=UNTIL)
    assert (len(lonely.accounts), len(lonely.contacts)) == (1, 1)
