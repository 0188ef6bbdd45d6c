"""The plugin that Airflow finds by its entry point: one app on the API server, an item in the navigation, two tabs.

Every Airflow process imports this module, so it imports nothing but Airflow's plugin class; the app is made by
its first request.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

URL_PREFIX = "/exact-console"
URL_ROUTE = "exact-personio"
# Relative, so that they hold below the path of `[api] base_url` too.
HOME = f"{URL_PREFIX.removeprefix('/')}/"
TAB = f"{HOME}runs/tab"
ICON = f"{HOME}static/icon.svg"


class ConsoleApp:
    """Stands for the app until somebody asks it for something."""

    @cached_property
    def _app(self) -> ASGIApp:
        from exact_console.app import create_app  # noqa: PLC0415 - see above

        return create_app()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self._app(scope, receive, send)


class ExactConsolePlugin(AirflowPlugin):
    """The project's pages inside the Airflow UI.

    .. seealso:: https://airflow.apache.org/docs/apache-airflow/stable/howto/custom-view-plugin.html
    """

    name = "exact_console"
    fastapi_apps: list[Any] = [  # noqa: RUF012 - Airflow's own shape
        {"app": ConsoleApp(), "url_prefix": URL_PREFIX, "name": "exact-console"}
    ]
    external_views: list[Any] = [  # noqa: RUF012 - Airflow's own shape
        {
            "name": "Exact → Personio",
            "href": HOME,
            "destination": "nav",
            "url_route": URL_ROUTE,
            "nav_top_level": True,
            "icon": ICON,
        },
        {
            "name": "Exact → Personio",
            "href": f"{TAB}?dag={{DAG_ID}}&run={{RUN_ID}}",
            "destination": "dag_run",
            "url_route": f"{URL_ROUTE}-run",
            "icon": ICON,
        },
        {
            "name": "Exact → Personio",
            "href": f"{TAB}?dag={{DAG_ID}}&run={{RUN_ID}}&task={{TASK_ID}}&map={{MAP_INDEX}}",
            "destination": "task_instance",
            "url_route": f"{URL_ROUTE}-task",
            "icon": ICON,
        },
    ]
