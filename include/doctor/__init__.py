"""Checks of a whole installation: what works, what does not, and the mend for each."""
