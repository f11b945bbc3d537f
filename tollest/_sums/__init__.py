"""Sums over tolls and figures: arrays in, arrays out; nothing here knows a source or a table."""

from tollest._sums.cache import settle_cache

settle_cache()
