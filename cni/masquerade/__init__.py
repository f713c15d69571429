"""Masquerading what leaves a container for other networks (ipMasq)."""
