"""Copies of all that a store holds, and the way back: `kcore backup FILE`, `kcore restore FILE`.

Certificates and keys are files beside the store (`kcore init`) and are not part of it.
"""
