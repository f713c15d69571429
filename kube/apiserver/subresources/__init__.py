"""What is asked of one object beside the object itself: pods/binding, pods/eviction, …/scale, serviceaccounts/token."""
