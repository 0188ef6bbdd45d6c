"""Exact Online for Airflow: hook and operators."""

from __future__ import annotations

DEFAULT_CONNECTION = "exact_online_default"
"""The Airflow connection where no other is named; here, as a DAG file that names it needs no hook."""
