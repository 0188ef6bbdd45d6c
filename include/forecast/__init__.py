"""Forecast: what a backfill or a window would do, cost and last, told before anything is done."""
