"""The kernel's own load balancer, over generic netlink."""
