"""What every task of this project does at Airflow's edge: open the ledger, translate errors, keep their reason."""
