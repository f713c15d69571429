"""The CNI specification as values: versions, errors, configuration, results. Pure."""
