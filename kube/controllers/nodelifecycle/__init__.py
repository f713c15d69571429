"""Nodes that fall silent: their conditions, their taints, their pods."""
