"""The project's pages inside the Airflow UI."""
