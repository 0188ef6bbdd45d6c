"""Applications at Personio as a destination: files first, then the application, read back by e-mail and job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.clients.personio_answers import moment
from include.errors import PermissionDeniedError, RecordRejectedError
from include.sync.delivery import Found, Sent, likeliest

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.clients.personio import PersonioClient
    from include.ledger.claims import Claim


class ApplicationDelivery:
    """Creates applications.

    :param personio: the client.
    """

    def __init__(self, personio: PersonioClient) -> None:
        self.personio = personio

    def send(self, claim: Claim, hold: Callable[[], None]) -> Sent:
        """Upload the payload's local files, then create the application.

        :raises AlreadyExistsError: this address has applied for this position.
        :raises RecordRejectedError: a field or a file was refused.
        """
        payload = dict(claim.payload)
        if payload.get("files"):
            payload["files"] = [self._uploaded(file, hold) for file in payload["files"]]
        self.personio.reserve("recruiting")
        hold()
        self.personio.create_application(payload)
        return Sent()

    def find(self, claim: Claim) -> Found | None:
        """Return the application of the claim's address for its position, None without v2 read rights."""
        if not self.personio.config.client_id or not claim.email:
            return None
        try:
            found = self.personio.find_applications(claim.email)
        except PermissionDeniedError:
            return None
        position = str(claim.payload["job_position_id"])
        held = [one for one in found if str((one.get("job") or {}).get("id")) == position]
        return likeliest((Found(str(one["id"]), moment(one.get("created_at"))) for one in held), claim)

    def _uploaded(self, file: dict[str, Any], hold: Callable[[], None]) -> dict[str, Any]:
        """Return the file as Personio wants it; a local path is uploaded first."""
        if "path" not in file:
            return file
        path = Path(str(file["path"]))
        try:
            content = path.read_bytes()
        except OSError as error:
            raise RecordRejectedError(
                "A file of this application cannot be read on the worker.",
                reason_code="personio.files.not_readable",
                field="files",
                way_out="Put the file where the mapping says, then: "
                "exact-personio replay --reason personio.files.not_readable",
            ) from error
        name = str(file.get("original_filename") or path.name)
        self.personio.reserve("recruiting")
        hold()
        return {
            "uuid": self.personio.upload_document(name, content),
            "original_filename": name,
            "category": str(file.get("category") or "other"),
        }
