"""Sums over tolls and figures: arrays in, arrays out; nothing here knows a source or a table."""
