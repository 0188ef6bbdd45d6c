#!/usr/bin/env bash
# Runs once, when the database volume is new: Airflow's database and the ledger's, a user for each, and no way for one
# into the other's. The superuser is used for this and for backups.
set -euo pipefail
psql --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\getenv airflow_password AIRFLOW_DB_PASSWORD
\getenv ledger_password LEDGER_DB_PASSWORD
CREATE ROLE airflow LOGIN PASSWORD :'airflow_password';
CREATE ROLE exact_personio LOGIN PASSWORD :'ledger_password';
CREATE DATABASE airflow OWNER airflow;
CREATE DATABASE exact_personio OWNER exact_personio;
REVOKE CONNECT ON DATABASE airflow, exact_personio, postgres FROM PUBLIC;
SQL
