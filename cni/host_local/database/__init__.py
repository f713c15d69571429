"""The database of one network's addresses: an index that costs the same at 10 and at 50,000 of them."""
