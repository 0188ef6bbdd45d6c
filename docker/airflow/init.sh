#!/usr/bin/env bash
# Brings both databases up to date and makes the first user. Safe to run again: every `up` does.
set -euo pipefail
airflow db migrate
# Opening the ledger migrates it, under a lock; what it says of the streams is for `exact-personio status` later.
exact-personio status >/dev/null
# Made with a password that only this script knows, then given the right one: a password that changed in .env is
# the one that counts, and it is never an argument that a list of processes would show.
python - <<'PY'
import os
import sys

from airflow.providers.fab.www.app import create_app

app = create_app(enable_plugins=False)
with app.app_context():
    users = app.appbuilder.sm
    name, password = os.environ["ADMIN_USER"], os.environ["ADMIN_PASSWORD"]
    found = users.find_user(name)
    if found is None:
        made = users.add_user(name, "Admin", "User", f"{name}@example.org", users.find_role("Admin"), password)
        if not made:
            sys.exit(f"The user {name} could not be made: what is above says why. Then: docker compose up -d airflow-init")
    else:
        users.reset_password(found.id, password)
PY
echo "Airflow's database, the ledger and the user $ADMIN_USER are ready."
