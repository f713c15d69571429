"""One attachment to a bridge: the steps of ADD."""
