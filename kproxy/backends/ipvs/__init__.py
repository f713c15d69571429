"""IPVS, for nodes whose kernel has it: see README.md."""
