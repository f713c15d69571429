"""`kproxy explain`, `diff`, `top` and `cleanup`: questions about a proxy, beside the one that runs."""
