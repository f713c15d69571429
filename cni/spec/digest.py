"""SHA-512 in hex, from the interpreter's own C module: hashlib loads OpenSSL, 2 ms of a plugin's start."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import sha512
else:
    try:
        from _sha512 import sha512
    except ImportError:
        try:
            from _sha2 import sha512  # Python 3.12 and later
        except ImportError:
            from hashlib import sha512


def sha512_hex(text: str) -> str:
    return sha512(text.encode()).hexdigest()
