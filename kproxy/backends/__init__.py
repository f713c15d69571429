"""The ways to make a kernel forward service traffic; see registry."""
