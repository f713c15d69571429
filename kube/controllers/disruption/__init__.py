"""PodDisruptionBudget: how many of the pods that it means may be evicted now."""
