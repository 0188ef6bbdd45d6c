"""Addresses of any kind, to be drawn for tests: quick to draw, and more of them wrong than a browser lets through."""

from __future__ import annotations

from hypothesis import strategies as st

_DOMAINS = st.sampled_from([
    "example.org", "EXAMPLE.org", "example", "example..org", "-x.org", "localhost", "x.invalid", "exämple.org",
    "127.0.0.1", "[127.0.0.1]", "xn--exmple-cua.org", "a." + "b" * 64 + ".org",
    "a" * 63 + "." + "b" * 63 + "." + "c" * 63 + ".org", "",
])  # fmt: skip
_LOCALS = st.one_of(
    st.text(alphabet="abZ09.+é_'", max_size=5), st.integers(60, 68).map(lambda length: "j" * length), st.just("İ")
)

ADDRESSES = st.builds("{}@{}".format, _LOCALS, _DOMAINS)
"""Hypothesis' own take half of the time of a test that draws rows of them: they spell from every top-level domain."""
