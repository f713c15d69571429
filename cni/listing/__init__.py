"""kcni ls."""
