"""The gauges in Airflow's own metrics: StatsD or OpenTelemetry, whichever the installation has switched on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger_task.operator import LedgerOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.ledger import Ledger
    from include.metrics.samples import Sample

NAMESPACE = "exact_personio"
_NONE = "none"


class ReportMetricsOperator(LedgerOperator):
    """Send the gauges of `exact-personio metrics` through Airflow's own metrics; nothing happens if they are off.

    They are called ``exact_personio.…``. With OpenTelemetry, Datadog or StatsD in Influx's manner their labels are
    tags. Plain StatsD has none: there the labels' values are parts of the name, in the order of docs/monitoring.md.

    Returns how many figures were handed over.

    .. seealso:: https://airflow.apache.org/docs/apache-airflow/stable/administration-and-deployment/logging-monitoring/metrics.html
    """

    def work(self, ledger: Ledger, context: Context) -> int:
        """Hand them over; return how many."""
        from airflow.sdk.observability.stats import gauge as report  # noqa: PLC0415 - lazily, for the Dag parse

        from include.metrics.gauges import gauges  # noqa: PLC0415

        del context
        tagged, count = has_tags(), 0
        for gauge in gauges(ledger):
            for sample in gauge.samples:
                name = f"{NAMESPACE}.{gauge.name}"
                report(name if tagged else plain_name(name, sample), sample.value, tags=dict(sample.labels))
                count += 1
        return count


def has_tags() -> bool:
    """Say whether Airflow's metrics, as this installation has them, carry tags."""
    from airflow.sdk import conf  # noqa: PLC0415

    settings: Any = conf

    def is_on(name: str) -> bool:
        return bool(settings.getboolean("metrics", name, fallback=False))

    # In the order in which Airflow itself chooses between them.
    return is_on("statsd_datadog_enabled") or not is_on("statsd_on") or is_on("statsd_influxdb_enabled")


def plain_name(name: str, sample: Sample) -> str:
    """Return the name with the labels' values behind it; a dot parts them, so none may hold one.

    :param name: of the gauge.
    :param sample: whose labels are meant.
    """
    from airflow.sdk.observability.stats import normalize_name_for_stats  # noqa: PLC0415

    values = (
        normalize_name_for_stats(value.replace(".", "_") or _NONE, log_warning=False)
        for value in sample.labels.values()
    )
    return ".".join((name, *values))
