"""From a packet to the packet that answers it, and the ways that are shorter than asking the handlers."""
