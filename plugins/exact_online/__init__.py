"""Exact Online for Airflow: hook and operators."""
