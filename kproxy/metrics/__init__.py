"""What is counted, and Prometheus' text form of it; `catalogue` has every name."""
