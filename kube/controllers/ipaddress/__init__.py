"""IPAddresses: one for each cluster IP, none that nobody has (KEP-1880)."""
