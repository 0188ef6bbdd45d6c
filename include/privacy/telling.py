"""What is held of a person, and what became of it, in lines for people and as plain data for programs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from include.privacy.erasing import elsewhere

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.ledger import Ledger
    from include.ledger.holdings import Piece
    from include.privacy.erasing import Elsewhere, Erased
    from include.privacy.files import ExportFile
    from include.privacy.person import Person

WORDS: Final = {
    "staged": "rows of Exact",
    "delivery": "deliveries",
    "run_outbox": "contents of single runs",
    "preview": "lines of previews",
    "failure": "texts of failures",
    "news": "ids among news",
}


NOTHING: Final = (
    "Nothing is held of this person under this address or ID. A former main contact of an account is found by "
    "address; whoever was sent so long ago that retention has removed the address, by Exact's ID or Personio's."
)


def held(ledger: Ledger, who: Person, exports: Sequence[ExportFile]) -> dict[str, Any]:
    """Return what is held of a person and where, without any of it."""
    return {
        "records": [_record(record) for record in sorted(who.records) if _is_known(who, record)],
        "main_contact_of": [_record(record) for record in sorted(who.accounts)],
        "addresses": len(who.emails),
        "shared_with": sorted({one for ids in who.shared.values() for one in ids}),
        "held": [_place(piece) for piece in who.pieces],
        "exports": [{"path": file.path, "rows": file.count, "problem": file.problem} for file in exports],
        "kept_out_by": ledger.erasures.standing(who.records, who.emails),
    }


def handed_out(ledger: Ledger, who: Person, exports: Sequence[ExportFile]) -> dict[str, Any]:
    """Return everything that is held of a person, decrypted: the answer to a request for access."""
    told = held(ledger, who, exports)
    told["addresses"] = sorted(who.emails)
    told["held"] = [{**_place(piece), **_content(ledger, piece)} for piece in who.pieces]
    told["exports"] = [{"path": file.path, "problem": file.problem, "rows": list(file.rows)} for file in exports]
    told["elsewhere"] = [
        {"service": left.service, "what": left.what, "id": left.id, "certain": left.certain}
        for left in elsewhere(who)
    ]
    return told


def _content(ledger: Ledger, piece: Piece) -> dict[str, Any]:
    content = piece.content
    if piece.kind == "delivery":
        events = ledger.holdings.events_of(piece.key[0])
        content = {name: value for name, value in (content or {}).items() if name != "email_hash"}
        return {"content": content, "events": events}
    return {"content": content}


def find_lines(found: dict[str, Any]) -> list[str]:
    """Return what `held` told, for people."""
    lines = [f"{entry['entity']} {entry['ID']}, division {entry['division']}" for entry in found["records"]]
    lines += [
        f"main contact of account {entry['ID']}, division {entry['division']}" for entry in found["main_contact_of"]
    ]
    counted = Counter((place["kind"], place["lane"], place["state"], place["has_content"]) for place in found["held"])
    for (kind, lane, state, has_content), count in sorted(counted.items()):
        content = "" if has_content else ", without content"
        lines.append(f"{count} {WORDS[kind]} of {lane}{f': {state}' if state else ''}{content}")
    for file in found["exports"]:
        lines.append(f"{file['path']}: {file['problem'] or str(file['rows']) + ' rows'}")
    if found["shared_with"]:
        lines.append(
            "An address is also one of other contacts, so these are not taken for the same person: "
            + ", ".join(found["shared_with"])
        )
    if found["kept_out_by"]:
        lines.append(f"Erased and kept out since: {', '.join(found['kept_out_by'])}")
    return lines or [NOTHING]


def erased_lines(done: Erased) -> list[str]:
    """Return what an erasure came to, for people."""
    lines = [f"Erasure {done.erasure}."]
    lines += [f"{count} {WORDS[kind]} blanked." for kind, count in done.blanked.items() if count]
    for file in done.exports:
        lines.append(f"{file.path}: {file.problem or f'{file.count} rows taken out'}.")
    if done.stopped:
        lines.append(f"{done.stopped} were waiting to be sent and are not sent.")
    if done.under_way:
        lines.append(
            f"{done.under_way} were on their way: whether Personio has them cannot be looked up any more. An answer "
            "that still comes is noted as `late outcome` in the record's story (exact-personio trace ID)."
        )
    lines += _left(done.elsewhere)
    if done.shared:
        lines.append(
            "An address is also one of other contacts and was not kept out; if they are the same person, erase them "
            f"by ID: {', '.join(done.shared)}"
        )
    if not done.finished:
        lines.append(
            "Old bytes are still in the database's files, because somebody uses them: the next run of "
            "sync_housekeeping removes them, or exact-personio privacy scrub."
        )
    return [*lines, "Backups of the ledger, and copies of exports elsewhere, are not touched: see docs/privacy.md."]


def _left(left: Sequence[Elsewhere]) -> list[str]:
    if not left:
        return []
    lines = ["Left to do by the company, at the services themselves:"]
    for one in left:
        sure = "" if one.certain else " (not sure that it arrived: look for the address there)"
        lines.append(f"  {one.service}: {one.what}, id {one.id or 'not known: look for the address there'}{sure}")
    return lines


def _place(piece: Piece) -> dict[str, Any]:
    state = str(piece.about.get("state") or piece.about.get("outcome") or "")
    told = {"kind": piece.kind, "lane": piece.lane, "division": piece.division, "entity": piece.entity}
    return {
        **told,
        "ID": piece.source_id,
        "state": state,
        "has_content": piece.content is not None,
        "about": piece.about,
    }


def _record(record: tuple[int, str, str]) -> dict[str, Any]:
    return {"division": record[0], "entity": record[1], "ID": record[2]}


def _is_known(who: Person, record: tuple[int, str, str]) -> bool:
    """Say whether anything is held of a record, or somebody's main contact it is: not only looked for."""
    return bool(who.accounts) or any(
        (piece.division, piece.entity, piece.source_id) == record for piece in who.pieces
    )
