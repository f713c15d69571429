"""tuning: settings of the container's interface and namespace, put back on DEL."""
