"""Control loops: each compares what is declared with what is, and writes the difference."""
