"""TLS and HTTP/1.1 in front of the core; `serve` listens, the others only turn bytes into values and back."""
