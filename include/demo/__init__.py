"""The whole of it on one machine: sandbox, Airflow, two syncs, and a comparison record by record."""
