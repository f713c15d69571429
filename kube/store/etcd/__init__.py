"""The store on etcd 3.4 and later, for several API servers: see docs in drive.py."""
