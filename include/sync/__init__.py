"""The way of a record: plan, extract, decide, load, commit. Plain functions over a ledger and two clients."""
