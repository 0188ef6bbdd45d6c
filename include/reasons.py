"""What a reason code means and what to do about it, in words.

A code is ``service.field.problem``, and most speak of any field: a pattern has ``*`` for it. What the code itself may
say is listed whole; what Personio may say is open, so its problems end in a pattern for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Advice:
    """What a reason code tells a person.

    :param meaning: why the record was not sent, in one sentence.
    :param way_out: what to do, and what happens then.
    """

    meaning: str
    way_out: str


ADVICE: Final[dict[str, Advice]] = {
    # What Exact has.
    "exact.*.missing": Advice(
        "The field is required, and it is blank in Exact.",
        "Fill in the field in Exact, or give it a default in the mapping; it is then decided again by itself.",
    ),
    "exact.Created.missing": Advice(
        "Exact does not say when the record was created, so nobody can tell whether it is new.",
        "Save the record in Exact once more. If it stays so, ask Exact's support.",
    ),
    "exact.MainContact.missing": Advice(
        "The account has no main contact, and the applicant is made of the main contact.",
        "Choose a main contact for the account in Exact; it is then decided again by itself.",
    ),
    "exact.MainContact.not_found": Advice(
        "The account's main contact does not exist in Exact any more.",
        "Choose another main contact for the account in Exact. Such accounts are looked at again once a day.",
    ),
    "exact.IsAnonymised.anonymised": Advice(
        "The person was anonymised in Exact: the row is there, the person is gone.",
        "Nothing is to be done. It must not be sent.",
    ),
    "exact.*.malformed": Advice(
        "The text is no e-mail address; two addresses in one field are none.",
        "Correct the address in Exact, one address to a field; the record is then decided again by itself.",
    ),
    "exact.*.not_mapped": Advice(
        "The mapping lists the values of this field, and the one in Exact is not among them.",
        "Add the value to `map` in the mapping, or correct it in Exact. Either brings the record back.",
    ),
    "exact.*.not_allowed": Advice(
        "Personio takes only certain values in this field, and the one in Exact is not among them.",
        "Translate it with `map` in the mapping, or correct it in Exact. Either brings the record back.",
    ),
    "exact.*.not_a_date": Advice(
        "The field needs a date, and what Exact has is none.",
        "Correct it in Exact, or read the date from another column in the mapping.",
    ),
    "exact.*.not_a_number": Advice(
        "The field needs a number, and what Exact has is none.",
        "Correct it in Exact, or read the number from another column in the mapping.",
    ),
    "exact.*.not_an_integer": Advice(
        "The field needs a whole number, and what Exact has is none.",
        "Correct it in Exact, or read the number from another column in the mapping.",
    ),
    "exact.*.not_text": Advice(
        "The field needs a text, and what Exact has cannot be written as one.",
        "Read another column in the mapping.",
    ),
    "exact.*.in_future": Advice(
        "The date must lie in the past, and it lies in the future.",
        "Correct the date in Exact; the record is then decided again by itself.",
    ),
    "exact.*.outside_folder": Advice(
        "The path of the file leads out of the folder that the mapping allows.",
        "Correct the path in Exact: a name within the folder, without `..` and without a drive.",
    ),
    "exact.*.type_not_allowed": Advice(
        "Personio does not take files of this type.",
        "Save the document as a type that Personio takes, such as PDF, and correct its name in Exact.",
    ),
    "exact.record.refused": Advice(
        "Exact refused what was to be written there.",
        "Correct what is sent before it is sent again: each refusal counts against Exact's limit of errors.",
    ),
    "exact.record.not_found": Advice(
        "Exact does not know the record that was to be changed or read.",
        "Check the id and the division; the record may have been deleted in Exact.",
    ),
    # What the mapping makes of it.
    "mapping.*.missing": Advice(
        "The field is required, and its rule makes nothing of this record.",
        "Give the rule a `default` in the mapping, or fill in in Exact what it reads. Either brings the record back.",
    ),
    "mapping.*.template_failed": Advice(
        "The template of this field fails for this record.",
        "Correct the template in the mapping. A changed mapping brings all of them back by itself.",
    ),
    "mapping.*.*": Advice(
        "What the mapping makes for this field does not fit it.",
        "Correct the rule, or the constant, in the mapping. A changed mapping brings all of them back by itself.",
    ),
    "rule.*.failed": Advice(
        "A skip rule cannot be evaluated for this record; so it is shown here and not sent.",
        "Correct the rule's condition in the mapping. A changed mapping brings all of them back by itself.",
    ),
    "rule.Created.not_new": Advice(
        "The record was created before the stream began, or outside of the run's window.",
        "Nothing is to be done. To send it all the same, run a window or a backfill over the day it was created on.",
    ),
    "rule.*.*": Advice(
        "A skip rule of the mapping leaves this record out.",
        "Nothing is to be done. If it is to be sent, change the rule in the mapping.",
    ),
    # What people and the ledger say.
    "approval.rejected": Advice(
        "A person refused the load, or nobody answered in time.",
        "Ask for it again with a window, a backfill or a replay.",
    ),
    "ledger.attempts.spent": Advice(
        "It was sent ten times without a clear answer. Where the field says in_doubt, it may be at Personio.",
        "See whether Personio works and whether the person is there, then replay it: it has ten attempts again.",
    ),
    "ledger.job_position_id.changed": Advice(
        "It was on its way to a job position that was changed meanwhile, and it is not at the old one.",
        "Nothing is to be done: the next run decides it for the new position.",
    ),
    # What Personio says.
    "personio.files.not_readable": Advice(
        "A file of the application cannot be read on the worker.",
        "Put the file where the mapping says, then replay these records.",
    ),
    "personio.file.file-too-big": Advice(
        "Personio takes files of up to 20 MB, and this one is larger.",
        "Make the file smaller, then replay the record.",
    ),
    "personio.file.invalid-file-type": Advice(
        "Personio does not take files of this type, whatever the file's name says.",
        "Save the document as another type, such as PDF, then replay the record.",
    ),
    "personio.*.required": Advice(
        "Personio wants this field, and it was not sent.",
        "Map the field, or fill it in in Exact. Either brings the record back.",
    ),
    "personio.*.date-in-the-future": Advice(
        "Personio takes no date in the future here.",
        "Correct the date in Exact, then the record is decided again; or replay it when the day has come.",
    ),
    "personio.*.invalid-system-phase": Advice(
        "Personio does not know the phase, or applicants cannot start in it.",
        "Choose another phase in the mapping or in the run's form. A changed mapping brings all of them back.",
    ),
    "personio.*.invalid": Advice(
        "Personio refused the value of this field.",
        "Compare it with what Personio allows in this field, then correct the mapping or the record in Exact.",
    ),
    "personio.*.malformed": Advice(
        "Personio wants a number in this field, and what was made for it is none.",
        "Correct the rule in the mapping, or the record in Exact. Either brings the record back.",
    ),
    "personio.body.refused": Advice(
        "Personio refused the record and did not say why.",
        "Try one of them with a preview, compare what it would send with a record that was created, then replay it.",
    ),
    "personio.employee.refused": Advice(
        "Personio refused the employee and did not say why.",
        "Check supervisor, dates and status in the mapping. A changed mapping brings all of them back by itself.",
    ),
    "personio.*.*": Advice(
        "Personio refused this field for the reason at the end of the code.",
        "Correct the mapping or the record in Exact; it is then tried again. Replay what was mended in Personio.",
    ),
}
"""Reason code or pattern -> what to tell; the first that fits of: the code, its problem, its service."""


def advice_on(reason_code: str) -> Advice | None:
    """Return what a code tells a person; None if nothing is known of it.

    :param reason_code: ``service.field.problem``; a field may hold dots.
    """
    service, _, rest = reason_code.partition(".")
    problem = rest.rpartition(".")[2]
    tried = (reason_code, f"{service}.*.{problem}", f"{service}.*.*")
    return next((ADVICE[code] for code in tried if code in ADVICE), None)
