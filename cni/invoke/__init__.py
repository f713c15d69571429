"""kcni exec: a network's plugins called one after the other, as container runtimes do."""
