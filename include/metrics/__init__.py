"""How the installation stands, in figures: for Prometheus, for Airflow's own metrics, and for who is told."""
