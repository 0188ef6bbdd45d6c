"""What OpenLineage is told of a run: from where to where, and how many; imported only if its provider asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from include.sync.job import Job

EXACT, LEDGER, PERSONIO = "exact-online", "exact-personio-ledger", "personio"
_WRITTEN = ("created",)


def extracted(job: Job, counts: Mapping[str, int]) -> Any:
    """Return the lineage of an extract: Exact's feed into the ledger.

    :param job: what was moved.
    :param counts: as the task returned them.
    """
    stream = job.stream
    feed = f"{stream.division}/{stream.entity}"
    return _lineage(
        inputs=[(EXACT, feed, counts.get("read", 0))],
        outputs=[(LEDGER, str(stream), counts.get("new", 0) + counts.get("changed", 0))],
    )


def loaded(job: Job, counts: Mapping[str, int]) -> Any:
    """Return the lineage of a load: from the ledger to Personio; matches only read there.

    :param job: what was moved.
    :param counts: as the task returned them.
    """
    from include.records import LOOK_UPS  # noqa: PLC0415 - lazily, for the Dag parse

    source = (LEDGER, str(job.stream), None)
    position = (str(job.position),) if job.position else ()
    if job.destination in LOOK_UPS:
        return _lineage(inputs=[source, (PERSONIO, f"{job.company}/employee", None)], outputs=[])
    target = "/".join((str(job.company), job.destination, *position))
    return _lineage(inputs=[source], outputs=[(PERSONIO, target, sum(counts.get(state, 0) for state in _WRITTEN))])


def _lineage(*, inputs: list[tuple[str, str, int | None]], outputs: list[tuple[str, str, int | None]]) -> Any:
    from airflow.providers.openlineage.extractors import OperatorLineage  # noqa: PLC0415 - an optional package
    from openlineage.client.event_v2 import InputDataset, OutputDataset  # noqa: PLC0415
    from openlineage.client.facet_v2 import (  # noqa: PLC0415
        input_statistics_input_dataset,
        output_statistics_output_dataset,
    )

    read = input_statistics_input_dataset.InputStatisticsInputDatasetFacet
    written = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet
    return OperatorLineage(
        inputs=[
            InputDataset(space, name, inputFacets={} if rows is None else {"inputStatistics": read(rowCount=rows)})
            for space, name, rows in inputs
        ],
        outputs=[
            OutputDataset(
                space, name, outputFacets={} if rows is None else {"outputStatistics": written(rowCount=rows)}
            )
            for space, name, rows in outputs
        ],
    )
