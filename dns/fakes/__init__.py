"""Stand-ins for tests and benchmarks: an API server with list and watch, and objects to put in it."""
