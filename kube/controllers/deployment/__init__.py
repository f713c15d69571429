"""Deployment: one ReplicaSet a revision, moved from the old ones to the new one as the strategy allows."""
