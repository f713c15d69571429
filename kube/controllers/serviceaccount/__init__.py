"""What every namespace has from the start: the ServiceAccount `default` and the cluster's root certificate."""
