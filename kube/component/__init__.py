"""What a scheduler or controllers alone serve about themselves: health and metrics, over TLS, to whom may see them."""
