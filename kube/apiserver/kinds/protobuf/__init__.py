"""Protobuf request bodies, as kubectl create and typed Go clients send them: decode(body) gives the JSON form.

Answers are always JSON; every client takes that (api.md, facts 1-3).
"""

from kube.apiserver.kinds.protobuf.decoder import DecodeError, decode

__all__ = ["DecodeError", "decode"]
