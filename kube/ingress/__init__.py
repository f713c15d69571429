"""Ingress by HAProxy: rules, TLS and endpoints become a configuration, and most changes need no reload."""
