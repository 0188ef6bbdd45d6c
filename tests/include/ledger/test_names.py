"""A name finds its records as long as their address does, and is nowhere to be read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from include.ledger import erasures, open_ledger, tombstones
from include.ledger.names import MOST_WORDS, words_of
from include.ledger.narrowing import Narrowing
from include.ledger.people_tables import names
from include.privacy.erasing import erase
from include.privacy.person import person
from include.records import Decision, StreamKey

if TYPE_CHECKING:
    from include.ledger import Ledger
    from tests.include.ledger.conftest import Clock

STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
TO: Any = (4242, "application", 1001)
VERA = "d3b07384-0000-4000-8000-000000000001"
MAIL = "vera.unmistakable@example.org"


def made(version: int = 1, first: str = "Véra", last: str = "de Unmistakable", source_id: str = VERA) -> Decision:
    payload = {"first_name": first, "last_name": last, "email": MAIL}
    return Decision(source_id, version, "ready", payload=payload, email=MAIL)


def decide(ledger: Ledger, *decisions: Decision, stream: StreamKey = STREAM, **asked: Any) -> None:
    ledger.deliveries.decide(stream, "application", 1001, 4242, decisions, "r1", fingerprint="m1", **asked)


def found(ledger: Ledger, text: str) -> list[int]:
    return sorted(row.id for row in ledger.records.page(Narrowing(names=ledger.records.name_digests(text))).rows)


def kept(ledger: Ledger) -> list[str]:
    with ledger._database.read() as connection:
        return list(connection.execute(select(names.c.digest)).scalars())


def settled(ledger: Ledger, state: Any) -> None:
    claim = ledger.deliveries.claim(*TO, run_id="r1")
    assert claim is not None
    assert ledger.deliveries.settle(claim, state, remote_id="7")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("José de Vries-Bäcker", ["jose", "de", "vries", "backer"]),
        ("JOSE\u0301  DE\tVRIES", ["jose", "de", "vries"]),
        ("Straße ﬁn \uff37ide", ["strasse", "fin", "wide"]),
        ("O'Brien_jr. d\u2019Arc", ["o", "brien", "jr", "d", "arc"]),
        ("李 小龙 Ωμέγα", ["李", "小龙", "ωμεγα"]),
        (" -_. ", []),
        ("a " * 100, ["a"]),
        (" ".join(f"w{number}" for number in range(100)), [f"w{number}" for number in range(MOST_WORDS)]),
    ],
)
def test_words_are_compared_without_case_accents_and_width(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_all_words_in_any_order_find_the_record(ledger: Ledger) -> None:
    decide(ledger, made(), made(source_id="other", first="Vera", last="Other"))
    [vera] = found(ledger, "unmistakable VERA")
    assert set(found(ledger, "vera")) > {vera}
    assert found(ledger, "Unmistakable Other") == []


def test_a_word_is_another_hash_than_an_address_or_an_id(ledger: Ledger) -> None:
    decide(ledger, made())
    cipher = ledger._cipher
    word = "unmistakable"
    assert cipher.name_digest(word) in kept(ledger)
    others = {cipher.email_digest(word), cipher.digest(word), cipher.digest(f"erased:email:{word}")}
    assert not {digest[:32] for digest in others} & set(kept(ledger))
    assert not any(word in digest for digest in kept(ledger))


def test_another_ledger_has_other_hashes(ledger: Ledger, tmp_path: Path) -> None:
    with open_ledger(f"sqlite:///{tmp_path}/other.db", Fernet.generate_key().decode()) as other:
        decide(ledger, made())
        decide(other, made())
        assert not set(kept(ledger)) & set(kept(other))


def test_decided_anew_the_former_name_is_forgotten(ledger: Ledger) -> None:
    decide(ledger, made())
    decide(ledger, made(2, last="Newname"))
    assert found(ledger, "unmistakable") == []
    assert len(found(ledger, "vera newname")) == 1
    decide(ledger, Decision(VERA, 3, "rejected", "exact.LastName.missing", "LastName", email=MAIL))
    assert kept(ledger) == []


def test_refused_and_left_out_are_found_by_what_they_are_called(ledger: Ledger) -> None:
    """Whoever is stuck is whom people look for."""
    refused = Decision(VERA, 1, "rejected", "exact.Email.missing", "Email", called="Véra de Unmistakable")
    left = Decision("left", 1, "skipped_by_rule", "rule.EndDate.ended", "EndDate", called="Vera Left")
    decide(ledger, refused, left, made(source_id="ready", last="Ready"))
    assert len(found(ledger, "vera")) == 3
    assert len(found(ledger, "vera left")) == 1
    decide(ledger, refused._replace(row_version=2, reason_code="exact.IsAnonymised.anonymised", called=""))
    assert found(ledger, "unmistakable") == []


def test_an_organisation_is_found_beside_its_person(ledger: Ledger) -> None:
    account = made()._replace(called="Brouwerij 't Zwaantje")
    decide(ledger, account)
    [vera] = found(ledger, "zwaantje")
    assert found(ledger, "VERA brouwerij") == [vera]
    decide(ledger, account._replace(row_version=2, called="Brouwerij Nieuw"))
    assert found(ledger, "zwaantje") == []
    assert found(ledger, "nieuw vera") == [vera]


def test_erasing_forgets_what_somebody_without_an_address_was_called(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasures, "SETTLE_SECONDS", 0)
    monkeypatch.setattr(tombstones, "FRESH_SECONDS", 0)
    decide(ledger, Decision(VERA, 1, "rejected", "exact.Email.missing", "Email", called="Véra de Unmistakable"))
    assert len(kept(ledger)) == 3
    erase(ledger, person(ledger, VERA, division=124132), asked_by="officer", exports=Path("/nowhere"))
    assert kept(ledger) == []


def test_what_was_sent_keeps_the_name_it_was_sent_with(ledger: Ledger) -> None:
    """A changed record is only noted: the payload on record stays the one that was sent."""
    decide(ledger, made())
    settled(ledger, "created")
    decide(ledger, made(2, last="Newname"))
    assert found(ledger, "newname") == []
    assert len(found(ledger, "unmistakable")) == 1


def test_what_a_run_sends_of_its_own_is_found_by_that(ledger: Ledger) -> None:
    decide(ledger, made())
    own = made(last="Ownname")._replace(called="Own GmbH")
    decide(ledger, own, stream=STREAM.history(), selected_for="dag/run")
    assert found(ledger, "ownname") == []
    assert ledger.deliveries.claim(*TO, run_id="dag/run", selected_for="dag/run") is not None
    assert len(found(ledger, "vera ownname gmbh")) == 1
    assert found(ledger, "unmistakable") == []


@pytest.mark.parametrize(("state", "left"), [("created", 0), ("already_there", 0), ("rejected", 3)])
def test_retention_forgets_the_name_with_the_address(ledger: Ledger, clock: Clock, state: Any, left: int) -> None:
    """Of whoever was refused the address stays, by which they may ask why; so does the name."""
    decide(ledger, made())
    settled(ledger, state)
    clock.advance(200 * 86_400)
    decide(ledger, made(source_id="young", first="Young", last=""))
    ledger.retention.purge(clock.at - timedelta(days=180))
    assert len(kept(ledger)) == left + 1
    assert len(found(ledger, "young")) == 1
    assert bool(ledger.deliveries.history_of_email(MAIL)) == (left > 0) or state != "rejected"


@pytest.mark.parametrize("outcome", ["rejected", "skipped_by_rule"])
def test_retention_forgets_the_name_of_whom_no_address_is_held(ledger: Ledger, clock: Clock, outcome: Any) -> None:
    """Nobody could ask by it, and an erasure by the address would not find it."""
    refused = Decision(VERA, 1, outcome, "exact.Email.missing", "Email", called="Véra de Unmistakable")
    decide(ledger, refused)
    clock.advance(200 * 86_400)
    decide(ledger, refused._replace(source_id="young"))
    ledger.retention.purge(clock.at - timedelta(days=180))
    assert len(found(ledger, "vera unmistakable")) == 1


@pytest.mark.parametrize("state", ["ready", "created", "rejected", "in_doubt"])
def test_erasing_forgets_the_name(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    monkeypatch.setattr(erasures, "SETTLE_SECONDS", 0)
    monkeypatch.setattr(tombstones, "FRESH_SECONDS", 0)
    decide(ledger, made(), Decision("other", 1, "ready", payload={"first_name": "Other"}, email="o@example.org"))
    if state != "ready":
        settled(ledger, state)
    before = kept(ledger)
    erase(ledger, person(ledger, VERA, division=124132), asked_by="officer", exports=Path("/nowhere"))
    assert found(ledger, "vera") == []
    assert (len(before), len(kept(ledger))) == (4, 1)
    decide(ledger, made(2))
    assert len(kept(ledger)) == 1


def test_a_new_key_keeps_names_findable(url: str, key: str, clock: Clock) -> None:
    """Their secret is not a key of the list; it is only sealed by one."""
    with open_ledger(url, key, clock=clock) as ledger:
        decide(ledger, made())
    newer = Fernet.generate_key().decode()
    with open_ledger(url, f"{newer},{key}", clock=clock) as ledger:
        ledger.resealing.reseal()
    with open_ledger(url, newer, clock=clock) as ledger:
        assert len(found(ledger, "vera unmistakable")) == 1


def test_names_cost_two_statements_for_a_batch(sqlite_ledger: Ledger, plans: Any) -> None:
    many = [made(source_id=f"id{number}") for number in range(100)]
    first = plans(lambda: decide(sqlite_ledger, *many))
    assert sum("ledger_names" in statement for statement in first) == 2
    again = plans(lambda: decide(sqlite_ledger, *(one._replace(row_version=2) for one in many)))
    assert sum("ledger_names" in statement for statement in again) == 2
    assert not [step for steps in again.values() for step in steps if step.startswith("SCAN ledger_names")]
