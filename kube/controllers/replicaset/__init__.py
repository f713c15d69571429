"""ReplicaSet: as many pods as asked, adopted by label, deleted least useful first."""
