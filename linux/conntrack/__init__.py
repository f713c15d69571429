"""Connection tracking over ctnetlink: filtered dumps and deletions. `wire` is pure, `socket` speaks to the kernel."""
