"""The version that metrics and CHAOS queries show."""

VERSION = "0.1.0"
