"""iptables, legacy or nft, whichever the host uses: rules as values (`rules`), the text that iptables-restore
reads (`restore`), a packet followed through them (`trace`), and the programs themselves (`run`).
"""
