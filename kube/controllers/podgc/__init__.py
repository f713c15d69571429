"""Pods that nobody will end: of nodes that are gone, never started, or long finished."""
