"""static: addresses as the configuration or the caller gives them."""
