"""Personio for Airflow: hook and operators."""
