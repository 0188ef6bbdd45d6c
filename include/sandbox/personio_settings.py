"""The switches of the Personio half.

A default is what Personio is known to do. Where nobody outside Personio knows, the default is the likely
behaviour and the switch holds the other one, so that a client can be tried against both.
"""

from __future__ import annotations

from dataclasses import dataclass, field

V2_SCOPES = (
    "personio:persons:read",
    "personio:persons:write",
    "personio:recruiting:read",
    "employees:read",
    "employees:write",
)


@dataclass
class PersonioSettings:
    """What the Personio half does; every attribute may be changed while it runs."""

    # --- credentials ---
    company_id: int = 4242
    client_id: str = "sandbox-papi-client"
    client_secret: str = "sandbox-papi-secret"  # noqa: S105 - invented, documented for strangers
    recruiting_token: str = "sandbox-recruiting-token"  # noqa: S105 - invented, documented for strangers
    token_seconds: int = 86_400
    v1_scopes: list[str] = field(default_factory=lambda: ["employees:read", "employees:write"])
    v2_scopes: list[str] = field(default_factory=lambda: list(V2_SCOPES))
    # Personio refuses credentials in the query string from 2026-12-04, for new credentials already now.
    query_credentials_allowed: bool = False
    # Clients use one OAuth token for v1 and v2 in production.
    v2_tokens_on_v1: bool = True
    # Unknown outside Personio: "json" is the personnel envelope, "empty" no body at all.
    v1_unauthorized_body: str = "json"

    # How far Personio's clock is ahead of the sandbox's, in the Date header.
    clock_skew_seconds: float = 0.0

    # --- limits; "a minute" lasts SandboxSettings.limit_seconds ---
    limits_enabled: bool = True
    v1_requests_per_minute: int = 2000
    v1_auth_per_minute: int = 60
    v2_token_per_minute: int = 150
    employees_per_minute: int = 300
    employees_per_second: int = 15
    recruiting_per_minute: int = 20
    # Unknown whether applications and documents share the 20; a careful client assumes it.
    recruiting_shared_bucket: bool = True
    # Unknown how the window moves: "sliding" never lets more than 20 pass in any 60 s.
    recruiting_window: str = "sliding"
    v2_replenish_per_second: int = 30
    v2_burst: int = 100
    # Unknown: Spring's limiter, which v2 runs on, sends an empty body.
    rate_limited_body: str = "empty"

    # --- recruiting v1 ---
    recruiting_enabled: bool = True
    public_api_enabled: bool = True
    duplicate_detection: bool = True
    # Before March 2023 the code was "errors.applicant-exists".
    duplicate_reason: str = "errors.applicant-already-exists"
    # Unknown which code an unknown job gets.
    unknown_job_reason: str = "errors.job-position.not-published"
    strict_integers: bool = True
    document_max_bytes: int = 20 * 1024 * 1024

    # --- recruiting v2 ---
    beta_header_required: bool = False
    # The documentation ends a list with an absent `next`; one production client expects `next` always.
    recruiting_next_on_last_page: bool = False
    # Some tenants are said to answer `updated_at` filters with an error.
    recruiting_updated_filter_fails: bool = False
    # How long a new application stays invisible to v2 reads.
    recruiting_lag_seconds: float = 0.0
    # "", "_data" or "data": clients disagree about the wrapping of one object; the bare object is likely.
    single_object_wrapper: str = ""

    # --- personnel v1 ---
    employees_default_limit: int = 50
    employees_max_limit: int = 100
    # "error" or "clamp": unknown since the maximum fell to 100; before, too much was an error.
    employees_over_limit: str = "error"
    employees_limit_status: int = 422
    # "asc" or "desc" by id; undocumented.
    employees_order: str = "asc"
    # None: every attribute is allowed on the credential; an empty list leaves only `id`.
    attribute_whitelist: list[str] | None = None
    authorization_response_header: bool = True
    # The zone of `updated_since`, which comes without one; undocumented.
    updated_since_zone: str = "UTC"
    # The specification ignores paging beside `updated_since`, the changelog makes it mandatory.
    updated_since_ignores_paging: bool = False
    duplicate_employee_allowed: bool = False
    duplicate_employee_status: int = 422
    duplicate_employee_message: str = "The email has already been taken."
    # Sends refusals of personnel calls as HTTP 200 with `success: false`.
    business_errors_as_200: bool = False
    label_language: str = "en"
    # "comma" or "json": both forms of tag lists were seen.
    tags_format: str = "comma"
    # "null", "string" or "list": what an empty object attribute looks like.
    empty_object: str = "null"

    # --- persons v2 ---
    duplicate_person_status: int = 400
    # A page link to itself was reported in 2024.
    persons_next_points_to_self: bool = False

    # --- what the company has configured ---
    departments: list[str] = field(default_factory=lambda: ["Customer Support", "Engineering", "Finance"])
    offices: list[str] = field(default_factory=lambda: ["Berlin", "Zürich"])
    subcompanies: list[str] = field(default_factory=lambda: ["Example GmbH", "Example B.V."])
