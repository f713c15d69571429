"""Kinds whose objects are worked out when they are asked for, and stored nowhere."""
