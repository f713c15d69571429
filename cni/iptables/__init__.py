"""iptables as text: what iptables-save prints, what iptables-restore takes. One program run each way."""
