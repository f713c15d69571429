"""StatefulSet: pods with fixed names, made, updated and ended in order."""
