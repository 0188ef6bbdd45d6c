"""Rows of Exact as nobody should ever send them, and what must become of each.

A `Value` is the JSON text of one column, put into Exact's answer as it stands. Most are built so that what arrives
at Personio, or the reason why nothing does, is known without asking the code under test; ``wild`` ones are anything.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHOWN = 120
FALLBACKS = ("BusinessEmail", "Phone", "BusinessMobile", "BusinessPhone", "MiddleName")
"""Columns that the mappings read when another is blank, or besides it."""
ANYTHING = frozenset({"?"})
"""Stands for reasons that are not known beforehand."""
NOISE = ("\\u0000", "\\u0007", "\\u001b", "\\u007f", "\\ud800", "\\udfff", "\ud83d")
"""Characters that nobody can mean, as JSON writes them: inside a text they are left out, the rest arrives."""
EDGES = ("", " ", "\\t", "\\r\\n ", "\\u00a0", "\\u200b", "\\ufeff", "\u3000")
TEXTS = (
    "Vera", "de la Cruz-O'Neill", '=HYPERLINK("http://x.invalid","pay")', "+31 6 1234", "@SUM(A1:A9)", "-2+3",
    "<script>alert('1')</script>", "<img src=x onerror=alert(1)>", "{{ 7 * 7 }}", "{% raw %}", "${jndi:ldap://x}",
    "'; DROP TABLE ledger_deliveries; --", "%s%n%d", "\\..\\..\\etc", "👩‍👩‍👧‍👦 Zoë", "مريم بنت عمران", "שרה",
    "\u202eevil",
    "Z̸̡̲a̷l̶g̵o̵", "\U0001d56c\U0001d593\U0001d593\U0001d586",
    "NaN", "null", "None", "0", "true", "1e999", "ﬁancé", "İstanbul", "ß", "a\u0301",
)  # fmt: skip
"""Names and places that are odd, and are somebody's all the same."""
WILD = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30), st.integers(10**17, 10**40),
        st.sampled_from((
            "/Date(-62135596800000)/", "/Date(-62135510400000)/", "/Date(253402300799999)/", "/Date(9e9)/",
            "/Date(999999999999999999999)/", "0001-01-01", "9999-12-31T23:59:59", "2020-02-30", "1e400", "0x10",
        )),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=4,
)  # fmt: skip
TOKENS = ("NaN", "Infinity", "-Infinity", "1e400", "9" * 400, "9" * 5000, "-0.0", '{"a":1,"a":2}', "[[[[[]]]]]")
"""JSON that some servers write, and few readers expect."""

ONLY_ACCOUNTS = ("MainContact", "Name", "Code", "Type")
ONLY_CONTACTS = (
    *("FirstName", "LastName", "Email", "Mobile", "BirthDate", "JobTitleDescription", "Gender", "IsAnonymised"),
    *FALLBACKS,
)


@dataclass(frozen=True)
class Value:
    """One column of one row.

    :param text: JSON; None: the column is missing.
    :param arrives: the text that must arrive, None for nothing.
    :param reasons: why the whole row must be rejected, any of these; empty: this column does not reject it.
    """

    text: str | None
    arrives: str | None = None
    reasons: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        """Show what is enough to make the row again."""
        told = (
            repr(self.text) if len(self.text or "") <= _SHOWN else f"{self.text!r:.{_SHOWN}} ({len(self.text or '')})"
        )
        return f"{told} -> {sorted(self.reasons) or repr(self.arrives)[:_SHOWN]}"


@dataclass(frozen=True)
class Person:
    """One contact.

    :param columns: Exact's name -> value.
    """

    columns: Mapping[str, Value]

    @property
    def known(self) -> bool:
        """Whether what must become of it is known."""
        return all(value.reasons != ANYTHING for value in self.columns.values())

    def reasons_for(self, destination: str) -> frozenset[str]:
        """Return why it must be rejected; empty: it must arrive.

        :param destination: an employee's birthday is not sent, so it cannot be wrong.
        """
        used = [value for name, value in self.columns.items() if destination == "application" or name != "BirthDate"]
        return frozenset[str]().union(*(value.reasons for value in used))

    def raw(self, *, of_account: bool) -> dict[str, str | None]:
        """Return what the sandbox puts in the place of the row's values.

        :param of_account: of the account's row; else of the contact's.
        """
        foreign = ONLY_CONTACTS if of_account else ONLY_ACCOUNTS
        drawn = {name: value.text for name, value in self.columns.items() if name not in foreign}
        return dict.fromkeys(("Phone",) if of_account else FALLBACKS, "null") | drawn

    def arrives(self, name: str) -> str | None:
        """Return what must arrive of a column, as text."""
        return self.columns[name].arrives if name in self.columns else None

    def secrets(self) -> set[str]:
        """Return the texts of the row that are long enough to be found in a log."""
        found: set[str] = set()
        for value in self.columns.values():
            found |= _texts(_parsed(value.text))
        return {text for text in found if len(text) >= 6 and not text.startswith("/Date(")}


def quoted(text: str) -> str:
    """Return a JSON string of plain ASCII."""
    return json.dumps(text)


@st.composite
def noisy(draw: st.DrawFn, cores: st.SearchStrategy[str]) -> Value:
    """Draw a text with blanks around it and impossible characters in it; the text itself must arrive."""
    core = draw(cores)
    at = draw(st.integers(0, len(core)))
    # The two escaped halves, in this order, would make a whole character.
    marks = "".join(draw(st.lists(st.sampled_from(NOISE), max_size=2))).replace("\\ud800\\udfff", "")
    inner = quoted(core[:at])[1:-1] + marks + quoted(core[at:])[1:-1]
    before, after = (draw(st.sampled_from(EDGES)) for _ in range(2))
    return Value(f'"{before}{inner}{after}"', arrives=core)


def plain_texts() -> st.SearchStrategy[str]:
    """Draw a text of letters, digits, marks and symbols, without blanks and controls; sometimes a long one."""
    some = st.text(st.characters(exclude_categories=("Z", "C")), min_size=1, max_size=12)
    return st.one_of(st.sampled_from(TEXTS), some, st.sampled_from((200, 5000)).map(lambda size: "Ж" * size))


def blanks() -> st.SearchStrategy[str | None]:
    """Draw what means nothing: a missing column, null, an empty text, blanks, no number, a thing with parts."""
    return st.sampled_from((
        None, "null", '""', '"   "', '"\\u0000"', '"\\ud800"', '"\\u200b "', "NaN", "Infinity", "1e400", "{}", "[]",
        '{"Email":"x@example.org"}', '["x@example.org"]',
    ))  # fmt: skip


def wild() -> st.SearchStrategy[Value]:
    """Draw anything."""
    written = st.one_of(WILD.map(json.dumps), st.sampled_from(TOKENS), blanks())
    return written.map(lambda text: Value(text, reasons=ANYTHING))


def texts(column: str, *, required: bool = False) -> st.SearchStrategy[Value]:
    """Draw the value of a column of text."""
    nothing = frozenset({f"exact.{column}.missing"}) if required else frozenset()
    empty = blanks().map(lambda text: Value(text, reasons=nothing))
    return st.one_of(noisy(plain_texts()), noisy(plain_texts()), empty)


def addresses(number: int) -> st.SearchStrategy[Value]:
    """Draw the address of a person; the same number never gives another person's.

    :param number: of the person.
    """
    own = f"p{number}"
    long = f"{own}.{'x' * (60 - len(own))}@{'.'.join(['d' * 60] * 2)}.example.org"
    good = st.sampled_from((f"{own}@example.org", f"O'Neil+{own}@example.org", f"{own}=a/b@sub.example.org", long))
    malformed = st.sampled_from((
        f"{own}@", f"@{own}.nl", f"{own} at example.org", f"{own}@a@example.org", f"{own} x@example.org",
        f"{own}@example", f"{own}@-x.org", f"{own}@exam_ple.org", f'"{own}"@example.org', f"<{own}@example.org>",
        f"{own}@example.org,x{own}@example.org", f"{own}{'x' * 65}@example.org", f"{own}@{'x' * 250}.org",
        f"{own}..x@example.org", f"{own}@[127.0.0.1]", f"=cmd|{own}@example.org(x)", "x" * 3000 + "@example.org",
        f"mailto:{own}@example.org", f"{own}\u202e@example.org\u0001".replace("\u0001", " y"),
    ))  # fmt: skip
    wrong = frozenset({"exact.Email.malformed"})
    return st.one_of(
        noisy(good),
        noisy(good),
        noisy(good),
        malformed.map(lambda text: Value(quoted(text), reasons=wrong)),
        st.sampled_from(("5", "1.5", "true", "9" * 5000)).map(lambda text: Value(text, reasons=wrong)),
        blanks().map(lambda text: Value(text, reasons=frozenset({"exact.Email.missing"}))),
    )


def days(column: str) -> st.SearchStrategy[Value]:
    """Draw a day of birth: the first and the last there are, and what is none."""
    good = (
        ("/Date(631152000000)/", "1990-01-01"), ("/Date(-62135596800000)/", "0001-01-01"),
        ("/Date(253402300799999)/", "9999-12-31"), ("1990-02-01T10:00:00", "1990-02-01"), ("/Date(0)/", "1970-01-01"),
    )  # fmt: skip
    bad = ("/Date(-62135596800001)/", "/Date(253402300800000)/", "/Date(x)/", "31-12-1999", "2020-02-30", "soon")
    wrong = frozenset({f"exact.{column}.not_a_date"})
    return st.one_of(
        st.sampled_from(good).map(lambda pair: Value(quoted(pair[0]), arrives=pair[1])),
        blanks().map(Value),
        st.sampled_from(bad).map(lambda text: Value(quoted(text), reasons=wrong)),
    )


@st.composite
def people(draw: st.DrawFn, number: int) -> Person:
    """Draw a person; about half of them must arrive, some must not, of some nobody knows."""
    columns = {
        "FirstName": texts("FirstName", required=True),
        "LastName": texts("LastName", required=True),
        "Email": addresses(number),
        "City": texts("City"),
        "Mobile": texts("Mobile"),
        "BirthDate": days("BirthDate"),
        "JobTitleDescription": texts("JobTitleDescription"),
    }
    drawn = {name: draw(values) for name, values in columns.items() if draw(st.integers(0, 3)) or name in REQUIRED}
    if not draw(st.integers(0, 4)):
        odd = st.sampled_from((*ODD, *columns))
        drawn |= draw(st.dictionaries(odd, wild(), min_size=1, max_size=4))
    return Person(drawn)


ODD = ("Created", "Modified", "EndDate", "IsAnonymised", "Gender", "MiddleName", *ONLY_ACCOUNTS)
REQUIRED = ("FirstName", "LastName", "Email")


@st.composite
def companies(draw: st.DrawFn, most: int = 12) -> list[Person]:
    """Draw some people, of whom a few share the address of somebody before them."""
    drawn = [draw(people(number)) for number in range(draw(st.integers(1, most)))]
    for number in range(1, len(drawn)):
        if not draw(st.integers(0, 7)):
            other = drawn[draw(st.integers(0, number - 1))]
            drawn[number] = Person({**drawn[number].columns, "Email": other.columns["Email"]})
    return drawn


def _parsed(text: str | None) -> Any:
    try:
        return json.loads(text) if text is not None else None
    except ValueError:
        return None


def _texts(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value, value.strip()}
    parts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return set().union(*(_texts(part) for part in parts))
