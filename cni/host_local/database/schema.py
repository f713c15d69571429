"""Tables of <dataDir>/.podnet/<network>.sqlite.

An `ip` is 16 bytes, IPv4 as ::ffff:a.b.c.d, so that ranges are intervals; `bits` is 32 or 128.
`address` is what is in use, `released` what was: its `seq` orders releases, its `pod` lets a pod of
the same name have its address again. Positions are text: IPv6 ranges exceed SQLite's integers.
"""

VERSION = 1

TABLES = """
CREATE TABLE IF NOT EXISTS address (
    ip BLOB PRIMARY KEY,
    bits INTEGER NOT NULL,
    container_id TEXT NOT NULL,
    ifname TEXT NOT NULL,
    pod TEXT NOT NULL,
    netns TEXT NOT NULL,
    netns_inode INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    allocated_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS address_owner ON address (container_id, ifname);
CREATE TABLE IF NOT EXISTS released (
    ip BLOB PRIMARY KEY,
    bits INTEGER NOT NULL,
    pod TEXT NOT NULL,
    seq INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS released_order ON released (bits, seq);
CREATE INDEX IF NOT EXISTS released_pod ON released (pod) WHERE pod <> '';
CREATE TABLE IF NOT EXISTS cursor (
    place INTEGER PRIMARY KEY,
    ranges TEXT NOT NULL,
    position TEXT NOT NULL,
    remaining TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
