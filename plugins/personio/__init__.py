"""Personio for Airflow: hook and operators."""

from __future__ import annotations

DEFAULT_CONNECTION = "personio_default"
"""The Airflow connection where no other is named; here, as a DAG file that names it needs no hook."""
