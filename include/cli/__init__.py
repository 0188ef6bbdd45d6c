"""``exact-personio``: the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import typer

from include.cli.keys import rotate_keys
from include.cli.looking import forecast, preview, status, trace
from include.cli.metrics import metrics
from include.cli.privacy import privacy
from include.cli.reconciling import reconcile
from include.cli.replaying import replay
from include.cli.setting_up import doctor, login
from include.cli.trying import demo, sandbox, up

_TRY: Final = "Try it, without a tenant"
_SET_UP: Final = "Set it up"
_LOOK: Final = "How it stands, and what was done"
_AHEAD: Final = "What would be done"
_MEND: Final = "Mend and answer"

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Exact Online to Personio, once each.",
)

_COMMANDS: Final[dict[str, tuple[Callable[..., None], ...]]] = {
    _TRY: (demo, up, sandbox),
    _SET_UP: (login, doctor, rotate_keys),
    _LOOK: (status, trace, reconcile),
    _AHEAD: (preview, forecast),
    _MEND: (replay,),
}
for _panel, _of_panel in _COMMANDS.items():
    for _command in _of_panel:
        app.command(rich_help_panel=_panel)(_command)
app.add_typer(metrics, name="metrics", rich_help_panel=_LOOK)
app.add_typer(privacy, name="privacy", rich_help_panel=_MEND)


@app.callback()
def main() -> None:
    """Exact Online to Personio, once each."""
