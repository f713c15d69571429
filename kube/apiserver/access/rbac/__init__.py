"""Role-based access control: README.md says how the parts fit."""
