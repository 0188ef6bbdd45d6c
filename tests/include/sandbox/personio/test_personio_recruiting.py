"""Personio's v1 recruiting API, as the sandbox serves it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from personio_logins import RECRUITING, bearer, v1_token

if TYPE_CHECKING:
    import httpx

    from include.sandbox.server import RunningSandbox

PATH = "/v1/recruiting/applications"
BODY: dict[str, Any] = {
    "first_name": "Zoë",
    "last_name": "Müller",
    "email": "zoe@example.org",
    "job_position_id": 1001,
}


def _stored(running: RunningSandbox) -> list[dict[str, Any]]:
    return running.sandbox.personio.contents()["applications"]


def test_a_good_application_is_201_without_a_body(running: RunningSandbox, http: httpx.Client) -> None:
    """Personio returns no id: the answer has no body at all."""
    response = http.post(PATH, json=BODY, headers=RECRUITING)
    assert (response.status_code, response.content) == (201, b"")
    assert [row["email"] for row in _stored(running)] == ["zoe@example.org"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"email": None}, "Field 'email' is required"),
        ({"phone": "1"}, "Invalid request body supplied"),
        ({"job_position_id": "1001"}, "Invalid request body supplied"),
        ({"job_position_id": True}, "Invalid request body supplied"),
        ({"recruiting_channel_id": "501"}, "Invalid request body supplied"),
        ({"phase": {"type": "system"}}, "Field 'id' is required"),
        ({"tags": "a"}, "Invalid request body supplied"),
        ({"files": [{"uuid": "x"}]}, "Field 'original_filename' is required"),
    ],
)
def test_the_shape_is_checked_before_the_token(http: httpx.Client, change: dict[str, Any], reason: str) -> None:
    """Shape A with 400, even though the token is wrong."""
    response = http.post(PATH, json={**BODY, **change}, headers={"Authorization": "Bearer wrong"})
    assert (response.status_code, response.json()) == (400, {"error": {"reason": reason}})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": RECRUITING["Authorization"]},
        {**RECRUITING, "X-Company-ID": "1"},
        {**RECRUITING, "Authorization": "Bearer x"},
    ],
    ids=["nothing", "no-company", "other-company", "wrong-token"],
)
def test_a_good_body_with_a_bad_login_is_a_bare_401(http: httpx.Client, headers: dict[str, str]) -> None:
    """Token and X-Company-ID are both needed; the 401 has no body."""
    response = http.post(PATH, json=BODY, headers=headers)
    assert (response.status_code, response.content) == (401, b"")


def test_the_v1_token_is_not_the_recruiting_token(http: httpx.Client) -> None:
    """The most common cause of 401: recruiting has its own static token."""
    assert http.post(PATH, json=BODY, headers=RECRUITING | bearer(v1_token(http))).status_code == 401


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"first_name": "  "}, "first_name", "errors.attribute-validation.required-attribute"),
        ({"email": "zoe.example.org"}, "email", "errors.attribute-validation.invalid-email-format"),
        ({"application_date": "2999-01-01"}, "application_date", "errors.date-validation.date-in-the-future"),
        ({"application_date": "1.2.2026"}, "application_date", "errors.attribute-validation.invalid-date-format"),
        ({"job_position_id": 1003}, "job_position_id", "errors.job-position.not-published"),
        (
            {"recruiting_channel_id": 9},
            "recruiting_channel_id",
            "errors.posting-validation.channel-not-found",
        ),
        (
            {"recruiting_channel_id": 501, "external_posting_id": "posting-1"},
            "external_posting_id",
            "errors.posting-validation.posting-not-found",
        ),
        ({"phase": {"type": "system", "id": "x"}}, "phase", "errors.phase-validation.invalid-system-phase"),
        (
            {"files": [{"uuid": "u", "original_filename": "cv.pdf", "category": "cv"}]},
            "files.u",
            "errors.file-validation.file-not-exists",
        ),
        ({"attributes": [{"id": "x", "value": ""}]}, "attributes.x", "errors.attribute-validation.unknown"),
        (
            {"attributes": [{"id": "gender", "value": "f"}]},
            "attributes.gender",
            "errors.attribute-validation.unknown-attribute-option",
        ),
        (
            {"attributes": [{"id": "birthday", "value": "1.2.1990"}]},
            "attributes.birthday",
            "errors.attribute-validation.invalid-date-format",
        ),
    ],
)
def test_wrong_values_are_400_in_shape_b(
    running: RunningSandbox, http: httpx.Client, change: dict[str, Any], field: str, reason: str
) -> None:
    """Shape B names the field and the documented reason code; nothing is stored."""
    response = http.post(PATH, json={**BODY, **change}, headers=RECRUITING)
    assert response.status_code == 400
    assert response.json() == {"errors": [{"field": field, "errors": [{"reason": reason, "context": {}}]}]}
    assert _stored(running) == []


def test_an_unknown_custom_phase_becomes_unassigned_in_silence(running: RunningSandbox, http: httpx.Client) -> None:
    """Documented: the application is created anyway."""
    assert (
        http.post(PATH, json={**BODY, "phase": {"type": "custom", "id": 999}}, headers=RECRUITING).status_code == 201
    )
    assert _stored(running)[0]["stage"]["type"] == "UNASSIGNED"


def test_the_same_address_for_the_same_position_is_refused_once_more(
    running: RunningSandbox, http: httpx.Client
) -> None:
    """Duplicate means e-mail and position; another position is fine, and the case of the address is not looked at."""
    assert http.post(PATH, json=BODY, headers=RECRUITING).status_code == 201
    refused = http.post(PATH, json={**BODY, "email": "Zoe@Example.org"}, headers=RECRUITING)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["errors"][0]["reason"] == "errors.applicant-already-exists"
    assert http.post(PATH, json={**BODY, "job_position_id": 1002}, headers=RECRUITING).status_code == 201
    running.sandbox.settings.personio.duplicate_reason = "errors.applicant-exists"
    old = http.post(PATH, json=BODY, headers=RECRUITING).json()
    assert old["errors"][0]["errors"][0]["reason"] == "errors.applicant-exists"
    assert len(_stored(running)) == 2


@pytest.mark.parametrize(
    ("switch", "code"),
    [("recruiting_enabled", "feature.recruiting.disabled"), ("public_api_enabled", "feature.public-api.disabled")],
)
def test_a_missing_feature_is_403(running: RunningSandbox, http: httpx.Client, switch: str, code: str) -> None:
    """The two feature codes come with 403."""
    setattr(running.sandbox.settings.personio, switch, False)
    response = http.post(PATH, json=BODY, headers=RECRUITING)
    assert response.status_code == 403
    assert response.json()["errors"][0]["errors"][0]["reason"] == code


def test_a_document_can_be_attached(running: RunningSandbox, http: httpx.Client) -> None:
    """The upload returns the five documented fields, and its uuid is good for an application."""
    file = {"file": ("Lebenslauf.PDF", b"%PDF-", "application/pdf")}
    answer = http.post(f"{PATH}/documents", files=file, headers=RECRUITING)
    assert answer.status_code == 200
    body = answer.json()
    uuid = body.pop("uuid")
    assert body == {
        "size": 5,
        "mimetype": "application/pdf",
        "original_filename": "Lebenslauf.PDF",
        "extension": "pdf",
    }
    files = [{"uuid": uuid, "original_filename": "cv.pdf", "category": "cv"}]
    assert http.post(PATH, json={**BODY, "files": files}, headers=RECRUITING).status_code == 201
    assert _stored(running)[0]["files"] == files


def test_documents_are_refused_by_size_type_and_form(running: RunningSandbox, http: httpx.Client) -> None:
    """413, 422 and the undocumented 400 in shape A."""
    url = f"{PATH}/documents"
    assert http.post(url, files={"file": ("x.exe", b"1")}, headers=RECRUITING).status_code == 422
    assert http.post(url, files={"other": ("x.pdf", b"1")}, headers=RECRUITING).status_code == 400
    malformed = http.post(url, content=b"x", headers={**RECRUITING, "Content-Type": "multipart/form-data"})
    assert malformed.json() == {"error": {"reason": "Invalid multipart request body and/or headers supplied."}}
    running.sandbox.settings.personio.document_max_bytes = 3
    large = http.post(url, files={"file": ("x.pdf", b"1234")}, headers=RECRUITING)
    assert large.status_code == 413
    assert large.json()["errors"][0]["errors"][0]["reason"] == "errors.file-too-big"
    assert http.post(url, files={"file": ("x.pdf", b"1")}, headers={}).status_code == 401


@pytest.mark.errors_on_purpose("what the service does beyond its limits")
def test_twenty_calls_a_window_shared_by_applications_and_documents(
    running: RunningSandbox, http: httpx.Client
) -> None:
    """20 per company and window, refused calls included in none; the window is a setting."""
    running.sandbox.settings.limit_seconds = 2.0
    running.sandbox.clock.scale = 0
    upload = {"files": {"file": ("x.pdf", b"1")}, "headers": RECRUITING}
    for number in range(10):
        assert (
            http.post(PATH, json={**BODY, "email": f"a{number}@example.org"}, headers=RECRUITING).status_code == 201
        )
        assert http.post(f"{PATH}/documents", **upload).status_code == 200  # type: ignore[arg-type]
    assert http.post(PATH, json=BODY, headers=RECRUITING).status_code == 429
    assert http.post(f"{PATH}/documents", **upload).status_code == 429  # type: ignore[arg-type]
    running.sandbox.clock.advance(timedelta(seconds=2))
    assert http.post(PATH, json=BODY, headers=RECRUITING).status_code == 201


@pytest.mark.errors_on_purpose("what the service does beyond its limits")
def test_the_two_endpoints_can_have_a_bucket_each(running: RunningSandbox, http: httpx.Client) -> None:
    """Whether they share one is unknown, so it is a switch."""
    running.sandbox.settings.personio.recruiting_shared_bucket = False
    running.sandbox.settings.personio.recruiting_per_minute = 1
    assert http.post(PATH, json=BODY, headers=RECRUITING).status_code == 201
    assert http.post(PATH, json=BODY, headers=RECRUITING).status_code == 429
    assert http.post(f"{PATH}/documents", files={"file": ("x.pdf", b"1")}, headers=RECRUITING).status_code == 200


def test_there_are_no_lists_of_channels_or_phases(http: httpx.Client) -> None:
    """Asking for them with an API token gives 401."""
    assert http.get("/v1/recruiting/channels", headers=RECRUITING).status_code == 401
