"""Reconciliation: whether what was read, decided and sent agrees with what Exact and Personio have."""

from __future__ import annotations
