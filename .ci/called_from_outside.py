"""What vulture takes for dead because its caller is not in these folders: a framework, a template, a user, a test.

``make check`` reads this file beside the code. A line that is added here says who calls the name; what nobody calls
is deleted instead.
"""

from __future__ import annotations

# People's own DAGs: the public operators, sensors, assets and the notifier (docs/operators.md, docs/events.md).
ExactOnlineNewRecordsOperator
ExactOnlineNewAccountSensor
PersonioNewEmployeesOperator
PersonioNewEmployeeSensor
PersonioCreateApplicationOperator
PersonioCreateEmployeeOperator
PersonioListEmployeesOperator
PersonioUploadDocumentOperator
WebhookNotifier
watched_new_accounts
watched_new_employees

# Airflow: what it reads of hooks, operators, links, timetables and plugins, and the names of its arguments.
_.conn_name_attr
_.hook_name
_.test_connection
_.ui_color
_.operator_extra_links
_.inherits_from_skipmixin
_.can_be_scheduled
_.get_link
ti_key
_.timetables
_.fastapi_apps
_.external_views
ExactConsolePlugin
ExactToPersonioPlugin
get_provider_info

# OpenLineage's provider calls it with these arguments.
_.get_openlineage_facets_on_complete
task_instance

# The protocol of `with`: a star argument has to have a name.
raised

# Alembic reads them of each migration.
revision
_.downgrade
down_revision
branch_labels
depends_on

# SQLAlchemy and the drivers of databases.
_.impl
_.cache_ok
_.process_bind_param
_.process_result_value
_.isolation_level

# Pydantic.
_.model_config

# FastAPI, uvicorn, http.server, socketserver and expat call or read them.
_.redirect_slashes
_.main_loop
_.do_GET
_.log_message
_.allow_reuse_address
_.address_family
_.daemon_threads
_.block_on_close
_.handle_error
client_address
_.StartDoctypeDeclHandler
_.EntityDeclHandler
_.StartElementHandler
_.EndElementHandler
_.CharacterDataHandler

# MkDocs calls the functions of a hook by their names.
on_files
on_page_markdown
on_page_content

# Templates of the console.
_.x
_.y
_.with_
_.credentials
_.renewed_at
_.token_until
_.is_low
_.advice
_.done_at
_.lacks_contact

# Tests: the sandbox's own hands, and looks at the ledger that no program needs.
_.add_account
_.add_contact
_.expire_tokens
_.revoke_tokens
_.original_filename
_.history_of_email
_.next_due
_.prior_attempts

# Benchmarks: Airflow finds the DAGs by their names, requests asks an adapter for its protocols, a plot has a unit.
by_schedule
by_watcher
_.protocols
_.unit
