"""kcni doctor."""
