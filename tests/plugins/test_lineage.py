"""What OpenLineage is told, as its own Airflow provider reads it off the operators."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.openlineage.extractors.base import DefaultExtractor

from exact_to_personio.loading import LoadOperator
from exact_to_personio.operators import ExtractOperator
from include.records import StreamKey
from include.sync.job import Job

STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
LEDGER = ("exact-personio-ledger", "exact_contacts_to_personio_applications/124132/Contacts")


def told(operator: Any) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    found = DefaultExtractor(operator).extract_on_complete(None)
    assert found is not None
    inputs = [(one.namespace, one.name, *_rows(one.inputFacets)) for one in found.inputs]
    return inputs, [(one.namespace, one.name, *_rows(one.outputFacets)) for one in found.outputs]


def _rows(facets: dict[str, Any]) -> list[int]:
    return [facet.rowCount for facet in facets.values()]


def test_extract_reads_exact_into_the_ledger() -> None:
    operator = ExtractOperator(task_id="extract", entity="Contacts", destination="application")
    operator.moved = Job(STREAM, "application", 4242, 1001), {"read": 9, "new": 5, "changed": 2, "unchanged": 2}
    assert told(operator) == ([("exact-online", "124132/Contacts", 9)], [(*LEDGER, 7)])


@pytest.mark.parametrize(
    ("destination", "position", "expected"),
    [
        ("application", 1001, ([LEDGER], [("personio", "4242/application/1001", 3)])),
        ("employee", 0, ([LEDGER], [("personio", "4242/employee", 3)])),
        ("employee_match", 0, ([LEDGER, ("personio", "4242/employee")], [])),
    ],
)
def test_load_writes_to_personio_what_was_created(destination: Any, position: int, expected: Any) -> None:
    operator = LoadOperator(task_id="load", entity="Contacts", destination=destination)
    operator.moved = Job(STREAM, destination, 4242, position), {"created": 3, "already_there": 1, "rejected": 4}
    assert told(operator) == expected


@pytest.mark.parametrize("kind", [ExtractOperator, LoadOperator])
def test_task_that_moved_nothing_tells_nothing(kind: Any) -> None:
    operator = kind(task_id="one", entity="Contacts", destination="application")
    assert DefaultExtractor(operator).extract_on_complete(None) is None
