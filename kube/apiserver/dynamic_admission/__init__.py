"""Admission that users define: webhooks, and policies written as expressions; README.md beside this folder has the list."""
