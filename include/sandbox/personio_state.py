"""What the sandbox's Personio company holds: people, applications, documents, tokens."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from include.sandbox.personio_limits import Limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from include.sandbox.clock import Clock
    from include.sandbox.personio_settings import PersonioSettings

SETUP_AT = datetime(2024, 1, 15, 9, 0, tzinfo=UTC)
CATEGORY = {
    "id": 31,
    "name": "Experienced hires",
    "stages": [
        {"id": 6, "name": "Unassigned", "kind": "SYSTEM", "type": "UNASSIGNED"},
        {"id": 7, "name": "Interview", "kind": "CUSTOM", "type": "CUSTOM"},
        {"id": 8, "name": "Trial day", "kind": "CUSTOM", "type": "CUSTOM"},
    ],
}
INITIAL_STAGE = 6
CUSTOM_STAGES = {7: "Interview", 8: "Trial day"}
CHANNELS = {501: "Exact Online", 502: "Website"}
POSTINGS = {"posting-1": 502}


@dataclass(frozen=True)
class Job:
    """A position people can apply for."""

    id: int
    name: str
    published: bool
    department: str = "Engineering"


@dataclass
class Document:
    """An uploaded file; its bytes are not kept."""

    uuid: str
    original_filename: str
    mimetype: str
    extension: str
    size: int
    sha256: str


@dataclass
class Candidate:
    """A person who applied, once or more; the e-mail address is the identity."""

    id: int
    email: str
    first_name: str
    last_name: str
    created_at: datetime
    updated_at: datetime
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass
class Application:
    """One application of a candidate for a job."""

    id: int
    candidate_id: int
    job_id: int
    body: dict[str, Any]
    stage: dict[str, Any]
    application_date: str
    created_at: datetime
    updated_at: datetime
    anonymised: bool = False


@dataclass
class Person:
    """An employee of v1, which is the same as a person of v2."""

    id: int
    email: str
    first_name: str
    last_name: str
    created_at: datetime
    updated_at: datetime
    fields: dict[str, Any] = field(default_factory=dict)
    employment_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    changed: dict[str, datetime] = field(default_factory=dict)
    """Moment of the last change by v1 attribute, which `updated_since` with `attributes[]` filters on."""

    @property
    def status(self) -> str:
        """``onboarding``, ``active``, ``leave`` or ``inactive``."""
        return str(self.fields.get("status") or "active")


@dataclass
class Token:
    """A bearer token of ``/v1/auth`` or ``/v2/auth/token``."""

    value: str
    scopes: tuple[str, ...]
    expires_at: datetime
    version: str


class PersonioState:
    """One company; whoever uses it holds the sandbox's lock."""

    def __init__(self, clock: Clock, settings: PersonioSettings) -> None:
        self.clock = clock
        self.settings = settings
        self.limits = Limits()
        self.jobs = {
            1001: Job(1001, "Engineer", published=True),
            1002: Job(1002, "Support agent", published=True, department="Customer Support"),
            1003: Job(1003, "Controller", published=False, department="Finance"),
        }
        self.documents: dict[str, Document] = {}
        self.candidates: dict[int, Candidate] = {}
        self.applications: dict[int, Application] = {}
        self.people: dict[int, Person] = {}
        self.tokens: dict[str, Token] = {}
        self._candidate_by_email: dict[str, int] = {}
        self._applied: dict[tuple[int, int], int] = {}
        self._person_by_email: dict[str, int] = {}
        self._ids: dict[str, int] = {"application": 495_000, "candidate": 10_000, "person": 3_000}

    # --- tokens ---

    def issue_token(self, version: str, scopes: Iterable[str]) -> Token:
        """Return a token; v1 hands out the same one as long as it lives, v2 a new one each time."""
        now = self.clock.now()
        if version == "v1":
            for token in self.tokens.values():
                if token.version == "v1" and token.expires_at > now:
                    return token
        lifetime = timedelta(seconds=self.settings.token_seconds)
        token = Token(f"papi-{secrets.token_hex(24)}", tuple(scopes), now + lifetime, version)
        self.tokens[token.value] = token
        return token

    def live_token(self, value: str) -> Token | None:
        """Return the token if it was issued here and still lives."""
        token = self.tokens.get(value)
        return token if token and token.expires_at > self.clock.now() else None

    def expire_tokens(self) -> None:
        """Let every issued token end now; the static recruiting token never ends by itself."""
        for token in self.tokens.values():
            token.expires_at = self.clock.now()

    def revoke_tokens(self) -> None:
        """Forget every issued token."""
        self.tokens.clear()

    # --- recruiting ---

    def has_applied(self, email: str, job_id: int) -> bool:
        """Whether this address applied for this job before."""
        candidate = self._candidate_by_email.get(email.casefold())
        return candidate is not None and (candidate, job_id) in self._applied

    def add_application(self, body: Mapping[str, Any], stage: Mapping[str, Any]) -> Application:
        """Store a checked application and make or refresh its candidate."""
        now = self.clock.now()
        candidate = self._candidate(body, now)
        application = Application(
            id=self._next("application"),
            candidate_id=candidate.id,
            job_id=int(body["job_position_id"]),
            body=dict(body),
            stage=dict(stage),
            application_date=str(body.get("application_date") or now.date().isoformat()),
            created_at=now,
            updated_at=now,
        )
        self.applications[application.id] = application
        self._applied[(candidate.id, application.job_id)] = application.id
        return application

    def _candidate(self, body: Mapping[str, Any], now: datetime) -> Candidate:
        key = str(body["email"]).casefold()
        found = self._candidate_by_email.get(key)
        candidate = self.candidates[found] if found is not None else None
        if candidate is None:
            candidate = Candidate(self._next("candidate"), str(body["email"]), "", "", now, now)
            self.candidates[candidate.id] = candidate
            self._candidate_by_email[key] = candidate.id
        candidate.first_name, candidate.last_name = str(body["first_name"]), str(body["last_name"])
        candidate.updated_at = now
        candidate.attributes.update({item["id"]: item["value"] for item in body.get("attributes") or []})
        return candidate

    # --- people ---

    def person_by_email(self, email: str) -> Person | None:
        """Return the person with this address, whatever its case."""
        found = self._person_by_email.get(email.casefold())
        return None if found is None else self.people[found]

    def add_person(
        self,
        email: str,
        first_name: str,
        last_name: str,
        fields: Mapping[str, Any],
        created_at: datetime | None = None,
    ) -> Person:
        """Store a new person; ``created_at`` is now unless it is given."""
        now = created_at or self.clock.now()
        person = Person(self._next("person"), email, first_name, last_name, now, now, dict(fields))
        person.changed = dict.fromkeys(("email", "first_name", "last_name", *fields), now)
        self.people[person.id] = person
        self._person_by_email.setdefault(email.casefold(), person.id)
        return person

    def change_person(self, person: Person, changes: Mapping[str, Any]) -> None:
        """Change a person's names or fields; unchanged values leave no trace."""
        now = self.clock.now()
        for name, value in changes.items():
            before = getattr(person, name) if name in {"first_name", "last_name"} else person.fields.get(name)
            if before == value:
                continue
            if name in {"first_name", "last_name"}:
                setattr(person, name, value)
            else:
                person.fields[name] = value
            person.changed[name] = person.updated_at = now

    def remove_person(self, person: Person) -> None:
        """Delete a person."""
        self.people.pop(person.id)
        if self._person_by_email.get(person.email.casefold()) == person.id:
            del self._person_by_email[person.email.casefold()]

    # --- what is really in it ---

    def contents(self) -> dict[str, list[dict[str, Any]]]:
        """Return the true contents as JSON-able values, whatever the API shows or hides."""
        return {
            "applications": [self._application_json(item) for item in self.applications.values()],
            "employees": [_plain({**asdict(item), **item.fields}) for item in self.people.values()],
            "documents": [asdict(item) for item in self.documents.values()],
        }

    def _application_json(self, item: Application) -> dict[str, Any]:
        return _plain(
            {
                "id": item.id,
                "candidate_id": item.candidate_id,
                **item.body,
                "stage": item.stage,
                "created_at": item.created_at,
                "updated_at": item.updated_at,
            }
        )

    def _next(self, kind: str) -> int:
        self._ids[kind] += 1
        return self._ids[kind]


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    hidden = {"fields", "changed"}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in row.items()
        if name not in hidden
    }
