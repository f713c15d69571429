"""Calls that the server makes: webhooks of admission and conversion, extension servers."""
