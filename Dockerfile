# The project's image: Airflow's own, with exactly the locked packages, and the project in it.
#
#   docker compose build
#
# Nothing here needs BuildKit, so that docker-compose 1.29 builds it as well.
FROM apache/airflow:3.3.2-python3.11

WORKDIR /opt/airflow
COPY --chown=airflow:0 requirements-image.lock ./
# `sync` also removes what the lock does not name: the base image brings some eighty providers that nobody here uses,
# and their version limits would stand against the lock.
RUN uv pip sync --python "$(command -v python)" --require-hashes --compile-bytecode --no-cache requirements-image.lock

COPY --chown=airflow:0 pyproject.toml README.md LICENSE ./
COPY --chown=airflow:0 include ./include
COPY --chown=airflow:0 plugins ./plugins
COPY --chown=airflow:0 dags ./dags
COPY --chown=airflow:0 docker/airflow ./docker
# An editable install: its entry points bring connection types, pages and the command line into every container, and
# the sources stay where Airflow and Astronomer look for them. The empty files are those that Airflow would else write
# at its first start, which it cannot in a container that is read-only; the environment configures everything.
RUN uv pip install --python "$(command -v python)" --no-deps --no-build-isolation --no-cache --editable . \
    && python -m compileall -q include plugins dags \
    && python -c 'import include.provider_info, exact_to_personio.plugin, airflow.providers.celery' \
    && mkdir -p config logs exports \
    && chmod g+w logs exports \
    && rm -f airflow.cfg \
    && touch airflow.cfg webserver_config.py
