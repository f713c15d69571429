"""Named packet counters of the kernel, which rules add to and which outlive them: what the nfacct program lists."""
