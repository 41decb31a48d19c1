"""Longer commands of `studyscope-aggregator`, one module each."""
