"""Names that a form does not know: a slip in one would change which records a run sends."""

from __future__ import annotations

import pytest

from include.errors import ConfigurationError
from include.sync.asked_values import refuse_unknown

KNOWN = ("created_from", "created_to", "max_records", "preview", "replay_only")


def test_known_names_pass() -> None:
    refuse_unknown((), KNOWN)
    refuse_unknown(KNOWN, KNOWN)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("max_record", "max_records"),
        ("maxRecords", "max_records"),
        ("Preview", "preview"),
        ("createdFrom", "created_from"),
        ("replay-only", "replay_only"),
    ],
)
def test_slip_is_refused_with_the_nearest_name(name: str, nearest: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        refuse_unknown(["created_from", name], KNOWN)
    assert caught.value.reason_code in {f"params.{name}.unknown", "params.conf.unknown"}
    assert f"is {nearest}:" in caught.value.way_out


@pytest.mark.parametrize("name", ["zzz", "sanne@example.org", "a" * 200, "naïef", ""])
def test_what_is_near_nothing_is_refused_and_no_address_is_repeated(name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        refuse_unknown([name], KNOWN)
    assert caught.value.reason_code == ("params.zzz.unknown" if name == "zzz" else "params.conf.unknown")
    assert "docs/backfill.md" in caught.value.way_out
    assert name in {"zzz", ""} or name not in str(caught.value)
