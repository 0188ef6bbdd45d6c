"""Clients of Exact Online and Personio: plain Python, paced, and careful with tokens and writes."""
