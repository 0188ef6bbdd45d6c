"""Lets Airflow's plugin loader find the project's timetable where the distribution's entry point is not installed."""

from __future__ import annotations

from exact_to_personio.plugin import ExactToPersonioPlugin

__all__ = ["ExactToPersonioPlugin"]
