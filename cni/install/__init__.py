"""kcni install: the plugin executables and the code they load."""
