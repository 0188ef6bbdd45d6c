"""Applications and documents sent to Personio: what each answer means, and when a slot is waited for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from include.clients.personio import PersonioClient, PersonioConfig
from include.errors import (
    AlreadyExistsError,
    ConfigurationError,
    CredentialsError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitedError,
    RecordRejectedError,
    ServiceUnavailableError,
)
from include.transport import build_http

if TYPE_CHECKING:
    from tests.include.clients.conftest import Service, State

ADA: dict[str, Any] = {
    "first_name": "Ada",
    "last_name": "Example",
    "email": "ada@example.org",
    "job_position_id": 1001,
    "tags": ["a", "b"],
}


def shape_b(reason: str, field: str = "") -> dict[str, Any]:
    return {"errors": [{"field": field, "errors": [{"reason": reason, "context": {}}]}]}


@pytest.mark.parametrize("body", [b"", b'{"id": 1}', b"not json"], ids=["empty", "json", "text"])
def test_application_needs_no_body_in_the_answer(personio: PersonioClient, service: Service, body: bytes) -> None:
    service.answers = [httpx.Response(201, content=body)]
    personio.create_application(ADA)
    request = service.requests[0]
    assert request.headers["authorization"] == "Bearer recruiting"
    assert request.headers["x-company-id"] == "4242"
    assert b'"tags":["a","b"]' in request.content


@pytest.mark.parametrize("code", ["errors.applicant-already-exists", "errors.applicant-exists"])
def test_duplicate(personio: PersonioClient, service: Service, code: str) -> None:
    service.answers = [httpx.Response(400, json=shape_b(code, "email"))]
    with pytest.raises(AlreadyExistsError) as caught:
        personio.create_application(ADA)
    assert "ada@" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"error": {"reason": "Field 'email' is required"}}, "personio.email.required", "email"),
        ({"error": {"reason": "Invalid request body supplied"}}, "personio.body.invalid", "body"),
        (
            shape_b("errors.date-validation.date-in-the-future", "application_date"),
            "personio.application_date.date-in-the-future",
            "application_date",
        ),
        (
            shape_b("errors.attribute-validation.unknown-attribute-option", "attributes.custom_attribute_1"),
            "personio.attributes.custom_attribute_1.unknown-attribute-option",
            "attributes.custom_attribute_1",
        ),
        (shape_b("errors.file-validation.file-not-exists"), "personio.file.file-not-exists", "file"),
        (shape_b("ada@example.org is bad", "ada@example.org"), "personio.body.invalid", "body"),
        ({"errors": "?"}, "personio.body.refused", "body"),
        ({}, "personio.body.refused", "body"),
    ],
)  # fmt: skip
def test_refused_record(personio: PersonioClient, service: Service, body: Any, code: str, field: str) -> None:
    """All shapes of errors are read; no text of the service is passed on."""
    service.answers = [httpx.Response(400, json=body)]
    with pytest.raises(RecordRejectedError) as caught:
        personio.create_application(ADA)
    assert (caught.value.reason_code, caught.value.field) == (code, field)
    assert "ada@" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, shape_b("errors.job-position.not-published"), ConfigurationError),
        (400, shape_b("errors.posting-validation.channel-not-found"), ConfigurationError),
        (400, shape_b("errors.posting-validation.posting-not-found"), ConfigurationError),
        (401, None, CredentialsError),
        (403, shape_b("feature.recruiting.disabled"), PermissionDeniedError),
        (403, None, PermissionDeniedError),
        (404, None, ConfigurationError),
    ],
)
def test_what_would_fail_for_every_record(
    personio: PersonioClient, service: Service, status: int, body: Any, error: type[Exception]
) -> None:
    service.answers = [httpx.Response(status, json=body) if body else httpx.Response(status)]
    with pytest.raises(error):
        personio.create_application(ADA)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, json={"errors": [{"id": "x", "status": "500"}]}),
        httpx.Response(504),
        httpx.Response(200, html="<html>"),
        httpx.Response(201, html="<html>"),
        httpx.Response(400, html="<html>"),
        httpx.Response(200),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
    ],
)
def test_unclear_answers_are_in_doubt_and_not_repeated(
    personio: PersonioClient, service: Service, answer: Any
) -> None:
    service.answers = [answer]
    with pytest.raises(OutcomeUnknownError):
        personio.create_application(ADA)
    assert len(service.requests) == 1


def test_refused_connection_is_repeated(personio: PersonioClient, service: Service, state: State) -> None:
    """What may be done twice is; a write is left to the caller, whose lease covers one request."""
    service.answers = [httpx.ConnectError("refused"), httpx.Response(200, json={"uuid": "u"})]
    assert personio.upload_document("cv.pdf", b"x") == "u"
    assert state.calls["personio", "v1/recruiting/applications/documents", 0] == 1


def test_429_blocks_everybody_and_is_left_to_the_caller(
    personio: PersonioClient, service: Service, state: State
) -> None:
    """No Retry-After comes, and the body is empty: the window is 60 seconds."""
    service.answers = [httpx.Response(429)]
    with pytest.raises(RateLimitedError) as caught:
        personio.create_application(ADA)
    assert caught.value.retry_at is not None
    [(bucket, seconds)] = state.blocked
    assert bucket == "personio:4242:recruiting"
    assert 60.0 <= seconds < 62.0
    assert state.slept == []


def test_a_refusal_is_over_by_the_clock_that_the_client_was_given(service: Service, state: State) -> None:
    service.answers = [httpx.Response(429)]
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    config = PersonioConfig(company_id=4242, recruiting_token="recruiting")
    with build_http(base_url=config.base_url, transport=httpx.MockTransport(service)) as http:
        personio = PersonioClient(config, http, pacer=state, meter=state, now=lambda: noon)
        with pytest.raises(RateLimitedError) as caught:
            personio.create_application(ADA)
    assert caught.value.retry_at is not None
    assert timedelta(seconds=60) <= caught.value.retry_at - noon < timedelta(seconds=62)


def test_a_slot_that_was_held_too_long_sends_no_write(
    personio: PersonioClient, service: Service, state: State
) -> None:
    """The record is claimed by then: another slot may be a minute away, its lease is not."""
    personio.reserve("recruiting")
    state.over = ["personio:4242:recruiting"]
    with pytest.raises(RateLimitedError):
        personio.create_application(ADA)
    assert service.requests == []


def test_documents_share_the_bucket(personio: PersonioClient, service: Service, state: State) -> None:
    service.answers = [httpx.Response(200, json={"uuid": "u-1"}), httpx.Response(201)]
    assert personio.upload_document("cv.pdf", b"%PDF") == "u-1"
    personio.create_application(ADA)
    assert [(bucket, limit) for bucket, limit, _ in state.acquired] == [("personio:4242:recruiting", 20)] * 2
    assert all(seconds >= 60.0 for _, _, seconds in state.acquired)
    assert b'name="file"; filename="cv.pdf"' in service.requests[0].content
    assert service.requests[0].headers["content-type"].startswith("multipart/form-data; boundary=")
    assert service.requests[1].headers["content-type"] == "application/json"


def test_large_document_is_not_sent(personio: PersonioClient, service: Service) -> None:
    with pytest.raises(RecordRejectedError):
        personio.upload_document("cv.pdf", b"x" * (20 * 1024 * 1024 + 1))
    assert service.requests == []


@pytest.mark.parametrize("body", [b'{"errors": [{"field": "em', b'[{"errors": []}]'])
def test_refusal_that_lost_its_reason_refuses_nobody(personio: PersonioClient, service: Service, body: bytes) -> None:
    """It may have said that the person is there already: cut off, or wrapped up on its way."""
    service.answers = [httpx.Response(400, content=body)]
    with pytest.raises(ServiceUnavailableError) as caught:
        personio.create_application({"email": "ada@example.org", "job_position_id": 1})
    assert caught.value.reason_code == "personio.answer.unknown_form"
    assert len(service.requests) == 1
