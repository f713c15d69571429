"""Paths that name no resource: discovery, OpenAPI, version, metrics (`paths`), and health (`health`)."""
