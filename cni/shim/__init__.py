"""The plugin executables in C: pass the call to the daemon, 0.1 ms, or start Python where there is none."""
