"""ServiceCIDRs: ready while they may be given from, kept while Services have addresses of them (KEP-1880)."""
