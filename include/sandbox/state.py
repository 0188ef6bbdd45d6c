"""Everything one running sandbox knows."""

from __future__ import annotations

from threading import RLock

from include.sandbox.clock import Clock
from include.sandbox.exact_state import ExactState
from include.sandbox.faults import Faults
from include.sandbox.personio_state import PersonioState
from include.sandbox.settings import SandboxSettings
from include.sandbox.traffic import TrafficLog


class Sandbox:
    """Both services, their clock, their faults and the log of what was asked.

    Whoever reads or changes a service holds ``lock`` meanwhile.

    :param settings: switches; the defaults when None.
    :param clock: time source; the machine's time when None.
    """

    def __init__(self, settings: SandboxSettings | None = None, clock: Clock | None = None) -> None:
        self.settings = settings or SandboxSettings()
        self.clock = clock or Clock()
        self.lock = RLock()
        self.log = TrafficLog()
        self.faults = Faults()
        self.exact: ExactState
        self.personio: PersonioState
        self.reset()

    def reset(self) -> None:
        """Forget all data, tokens, faults and traffic; settings and clock stay as they are."""
        with self.lock:
            self.log.clear()
            self.faults.clear()
            self.exact = ExactState(self.clock, self.settings)
            self.personio = PersonioState(self.clock, self.settings.personio)
