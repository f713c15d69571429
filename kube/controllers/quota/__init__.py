"""ResourceQuota: the usage in its status, counted anew when something goes or ends."""
