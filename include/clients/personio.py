"""Personio: applications, documents, employees and persons as Python.

Applications are written through the recruiting API v1, the only one that can, and looked up through v2. The two
need different credentials.
"""

from __future__ import annotations

from include.clients.personio_answers import flat_employees
from include.clients.personio_employees import EMPLOYEES_PER_PAGE, CreatedEmployee, PersonioEmployees
from include.clients.personio_limits import PersonioConfig
from include.clients.personio_persons import PersonioPersons
from include.clients.personio_recruiting import PersonioRecruiting

__all__ = ["EMPLOYEES_PER_PAGE", "CreatedEmployee", "PersonioClient", "PersonioConfig"]


class PersonioClient(PersonioRecruiting, PersonioEmployees, PersonioPersons):
    """Writes and looks up applications, employees and persons of one company.

    .. seealso:: https://developer.personio.de/reference/introduction-1
    """

    def check(self) -> str:
        """Log in with what there is and say what works. Makes no change.

        :raises CredentialsError: if client id or secret are wrong.
        """
        if not self.config.client_id:
            return "The recruiting token is set; without client id and secret nothing can be looked up."
        # The answer may lack every attribute but `id`; that it is a list is enough.
        flat_employees(self._employees(limit=1))
        return "Client id and secret work, employees are readable. The recruiting token is tried on first use."
