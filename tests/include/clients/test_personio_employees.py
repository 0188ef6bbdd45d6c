"""Employees: created once, with numbers as numbers, whatever form Personio's answer has."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from include.errors import (
    AlreadyExistsError,
    ConfigurationError,
    CredentialsError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitedError,
    RecordRejectedError,
    ServiceUnavailableError,
)

if TYPE_CHECKING:
    from include.clients.personio import PersonioClient
    from tests.include.clients.conftest import Service, State

TOKEN = {"success": True, "data": {"token": "papi-1", "expires_in": 86400, "scope": "employees:read"}}
ADA = {"email": "ada@example.org", "first_name": "Ada", "last_name": "Example"}


def token() -> httpx.Response:
    return httpx.Response(200, json=TOKEN)


def made(number: Any = 81723, **more: Any) -> httpx.Response:
    return httpx.Response(200, json={"success": True, "data": {"id": number, "message": "success"}, **more})


def listed(*people: dict[str, Any], total: Any = None) -> httpx.Response:
    data = [{"type": "Employee", "attributes": {k: {"value": v} for k, v in one.items()}} for one in people]
    metadata = {} if total is None else {"metadata": {"total_elements": total}}
    return httpx.Response(200, json={"success": True, "data": data, **metadata})


def refused(status: int, code: int = 422) -> httpx.Response:
    body = {"success": False, "error": {"code": code, "message": "Die E-Mail-Adresse ist bereits vergeben "}}
    return httpx.Response(status, json=body)


@pytest.mark.parametrize(
    ("meta", "warnings"),
    [
        (["Department with name Küche not found"], ("Department with name Küche not found",)),
        (["a", "a", "b", None, 5, ""], ("a", "b")),
        ("Office unknown", ("Office unknown",)),
        ({"errors": ["a", {"department": "b"}]}, ("a", "b")),
        ([], ()),
        ({}, ()),
        (None, ()),
        (0, ()),
        ("x" * 1000, ("x" * 300,)),
        ([str(n) for n in range(100)], tuple(str(n) for n in range(20))),
    ],
    ids=["list", "mixed", "text", "object", "none", "empty", "null", "number", "long", "many"],
)
def test_remarks_are_kept_whatever_their_form(
    personio: PersonioClient, service: Service, caplog: pytest.LogCaptureFixture, meta: Any, warnings: tuple[str, ...]
) -> None:
    """They may quote the record, so they are returned and not logged."""
    service.answers = [token(), made(meta=meta)]
    created = personio.create_employee(ADA)
    assert (created.id, created.warnings) == ("81723", warnings)
    assert "Küche" not in caplog.text


def test_remarks_inside_data_are_found(personio: PersonioClient, service: Service) -> None:
    service.answers = [token(), httpx.Response(200, json={"success": True, "data": {"id": 1, "meta": ["a"]}})]
    assert personio.create_employee(ADA).warnings == ("a",)


@pytest.mark.parametrize("number", [81723, "81723", 81723.0])
def test_id_in_any_form(personio: PersonioClient, service: Service, number: Any) -> None:
    service.answers = [token(), made(number)]
    assert personio.create_employee(ADA).id == "81723"


@pytest.mark.parametrize("body", [b"", b'{"success":true,"data":{"id":NaN}}', b'{"success":true,"data":{"id":true}}',
                                  b'{"success":true,"data":[]}', b'{"success":true}', b"[]", b"null"])  # fmt: skip
def test_answer_without_an_id_is_in_doubt(personio: PersonioClient, service: Service, body: bytes) -> None:
    """It was accepted; another attempt could make a second employee."""
    service.answers = [token(), httpx.Response(200, content=body)]
    with pytest.raises(OutcomeUnknownError):
        personio.create_employee(ADA)
    assert len(service.requests) == 2


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"weekly_working_hours": 0}, {"weekly_working_hours": 0}),
        ({"weekly_working_hours": "38.5"}, {"weekly_working_hours": 38.5}),
        ({"weekly_working_hours": Decimal("40.00")}, {"weekly_working_hours": 40}),
        ({"weekly_working_hours": 38.5, "supervisor_id": "12"}, {"weekly_working_hours": 38.5, "supervisor_id": 12}),
        ({"supervisor_id": 12.0}, {"supervisor_id": 12}),
        ({"supervisor_id": None, "weekly_working_hours": None}, {}),
        ({"custom_attributes": {"dynamic_1": "5"}}, {"custom_attributes": {"dynamic_1": "5"}}),
    ],
)
def test_numbers_are_sent_as_numbers(
    personio: PersonioClient, service: Service, given: dict[str, Any], sent: dict[str, Any]
) -> None:
    service.answers = [token(), made()]
    personio.create_employee({**ADA, **given})
    assert json.loads(service.requests[1].content) == {"employee": {**ADA, **sent}}
    assert ".0" not in service.requests[1].content.decode()


@pytest.mark.parametrize("value", ["38,5", "", "NaN", float("nan"), True, [1], "viel"])
@pytest.mark.parametrize("field", ["weekly_working_hours", "supervisor_id"])
def test_numbers_that_are_none_are_not_sent(
    personio: PersonioClient, service: Service, field: str, value: Any
) -> None:
    with pytest.raises(RecordRejectedError) as caught:
        personio.create_employee({**ADA, field: value})
    assert (caught.value.reason_code, caught.value.field) == (f"personio.{field}.malformed", field)
    assert service.requests == []


def test_supervisor_is_a_whole_number(personio: PersonioClient) -> None:
    with pytest.raises(RecordRejectedError):
        personio.create_employee({**ADA, "supervisor_id": 1.5})


@pytest.mark.parametrize("status", [200, 400, 409, 422])
def test_duplicate_is_looked_up(personio: PersonioClient, service: Service, status: int) -> None:
    """No code tells a duplicate, and a 200 may hold the refusal; the employee's id comes along."""
    service.answers = [token(), refused(status), listed({"id": 7, "email": "ADA@example.org"}, total=1)]
    with pytest.raises(AlreadyExistsError) as caught:
        personio.create_employee(ADA)
    assert caught.value.remote_id == "7"
    assert "vergeben" not in str(caught.value)


@pytest.mark.parametrize("status", [200, 400, 422])
def test_refused_for_another_reason(personio: PersonioClient, service: Service, status: int) -> None:
    service.answers = [token(), refused(status), listed(total=0)]
    with pytest.raises(RecordRejectedError) as caught:
        personio.create_employee(ADA)
    assert not isinstance(caught.value, AlreadyExistsError)


def test_whitelist_without_email(personio: PersonioClient, service: Service) -> None:
    """Without the attribute nobody can tell a duplicate from another refusal."""
    service.answers = [token(), refused(422), listed({"id": 1}, total=1)]
    with pytest.raises(PermissionDeniedError, match="email"):
        personio.create_employee(ADA)


@pytest.mark.parametrize(("status", "error"), [(401, CredentialsError), (403, PermissionDeniedError)])
def test_right_to_write_is_missing(
    personio: PersonioClient, service: Service, status: int, error: type[Exception]
) -> None:
    service.answers = [token(), httpx.Response(status), token(), httpx.Response(status)]
    with pytest.raises(error):
        personio.create_employee(ADA)


def test_a_write_whose_token_was_refused_does_not_wait_with_its_record(
    personio: PersonioClient, service: Service, state: State
) -> None:
    """Another slot may be a minute away, and the lease of the record is not; the next attempt has the new token."""
    service.answers = [token(), httpx.Response(401), token(), made()]
    personio.reserve("employees")
    state.waits = [0.0, 30.0]
    with pytest.raises(RateLimitedError):
        personio.create_employee(ADA)
    assert len(service.requests) == 3
    assert state.slept == []
    assert personio.create_employee(ADA).id == "81723"


def test_a_right_that_is_missing_is_asked_for_once(personio: PersonioClient, service: Service) -> None:
    """Each record that fails would cost a login as well."""
    service.answers = [token(), httpx.Response(401), token(), httpx.Response(401), httpx.Response(401)]
    for _ in range(2):
        with pytest.raises(CredentialsError):
            personio.create_employee(ADA)
    assert len(service.requests) == 5


def test_reserved_slot_is_used_without_waiting(personio: PersonioClient, service: Service, state: State) -> None:
    """The login is made with the slot, so that nothing but the write itself is left."""
    service.answers = [token(), made(), made()]
    personio.reserve("employees")
    personio.reserve("employees")
    assert len(service.requests) == 1
    state.waits = [9_999.0]
    personio.create_employee(ADA)
    with pytest.raises(RateLimitedError):
        personio.create_employee(ADA)
    assert len(service.requests) == 2


def test_reservations_do_not_mix(personio: PersonioClient, service: Service, state: State) -> None:
    service.answers = [httpx.Response(201)]
    personio.reserve("recruiting")
    state.waits = [0.0]
    personio.create_application({**ADA, "job_position_id": 1})
    assert [bucket for bucket, _, _ in state.acquired] == ["personio:4242:recruiting"]


@pytest.mark.parametrize(("total", "expected"), [(120, 120), (0, 0), (2.0, 2)])
def test_total(personio: PersonioClient, service: Service, total: Any, expected: int) -> None:
    service.answers = [token(), listed({"id": 1}, total=total)]
    assert personio.employees_total() == expected
    assert service.requests[1].url.params["limit"] == "1"


@pytest.mark.parametrize("total", [None, "120", True, float("nan")])
def test_total_that_is_not_told_is_counted(personio: PersonioClient, service: Service, total: Any) -> None:
    def page(offset: int) -> httpx.Response:
        body = listed({"id": offset}, total=None).json()
        text = json.dumps({**body, "metadata": {"total_elements": total}})
        return httpx.Response(200, content=text.encode())

    service.answers = [token(), page(1), page(1), page(2), page(2)]
    assert personio.employees_total() == 2
    assert personio.EMPLOYEES_PER_PAGE == 100


def test_list_of_another_type_is_trouble_of_the_service(personio: PersonioClient, service: Service) -> None:
    """JSON, but no object: a gateway's doing, tried again later."""
    service.answers = [token(), httpx.Response(200, json=[listed({"id": 1}).json()])]
    with pytest.raises(ServiceUnavailableError) as caught:
        personio.employees_total()
    assert caught.value.reason_code == "personio.answer.unknown_form"


def test_ids_as_floats_are_one_employee(personio: PersonioClient, service: Service) -> None:
    service.answers = [token(), listed({"id": 1}, {"id": 1.0}, {"id": 2.0}, total=3)]
    assert [row["id"] for row in personio.list_employees()] == [1, 2]


@pytest.mark.parametrize("number", [None, "", True, 1.5, [1]])
def test_employee_without_an_id_ends_the_list(personio: PersonioClient, service: Service, number: Any) -> None:
    """Rows that cannot be told apart would be lost silently."""
    service.answers = [token(), listed({"id": number}, total=1)]
    with pytest.raises(ProtocolError):
        list(personio.list_employees())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(200, json={"success": False, "error": {"code": 0}}), ConfigurationError),
        (httpx.Response(200, json={"success": True}), ServiceUnavailableError),
        (httpx.Response(200, json={"success": True, "data": {}}), ServiceUnavailableError),
        (httpx.Response(404, json={}), ConfigurationError),
    ],
)
def test_attributes_in_other_forms(
    personio: PersonioClient, service: Service, answer: httpx.Response, error: type[Exception]
) -> None:
    service.answers = [token(), answer]
    with pytest.raises(error):
        personio.employee_attributes()


def test_attributes(personio: PersonioClient, service: Service) -> None:
    rows = [{"key": "dynamic_2", "label": "Größe", "type": "list", "universal_id": None, "options": ["a"]}]
    service.answers = [token(), httpx.Response(200, json={"success": True, "data": rows})]
    assert personio.employee_attributes() == rows
    assert service.urls()[1].endswith("/v1/company/employees/attributes")
