"""loopback: brings up lo."""
