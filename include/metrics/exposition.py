"""Prometheus' text format.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from include.metrics.samples import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from include.metrics.samples import Gauge, Sample

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_IN_DOC: Final = str.maketrans({"\\": r"\\", "\n": r"\n"})
_IN_VALUE: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


def exposition(gauges: Iterable[Gauge]) -> str:
    """Return the gauges as text; one without a figure is named all the same.

    :param gauges: of `include.metrics.gauges.gauges`.
    """
    lines: list[str] = []
    for gauge in gauges:
        name = f"{PREFIX}{gauge.name}"
        lines += [f"# HELP {name} {gauge.doc.translate(_IN_DOC)}", f"# TYPE {name} gauge"]
        lines += [f"{name}{_labels(sample)} {sample.value:.15g}" for sample in gauge.samples]
    return "\n".join(lines) + "\n"


def _labels(sample: Sample) -> str:
    if not sample.labels:
        return ""
    pairs = (f'{name}="{value.translate(_IN_VALUE)}"' for name, value in sample.labels.items())
    return "{" + ",".join(pairs) + "}"
