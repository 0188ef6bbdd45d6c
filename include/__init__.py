"""What the project does, in plain Python: no module below ever imports Airflow."""

from __future__ import annotations

__version__ = "0.1.0"
