"""The page of reason codes: what each means and what to do, as the console says it."""

from __future__ import annotations

from include.reasons import ADVICE
from reference.markdown import code, table


def reason_codes_page() -> str:
    """Return the page."""
    rows = [(code(name), advice.meaning, advice.way_out) for name, advice in ADVICE.items()]
    return (
        "# Reason codes\n\n"
        "Why a record was not sent: `service.field.problem`, where `*` stands for any field or problem. Made from "
        "the code; the console's tab Rejections says the same of what is there.\n\n"
        + table(("reason code", "means", "what to do"), rows)
    )
