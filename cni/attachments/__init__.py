"""Records of attachments: what DEL and GC go by, whatever their caller still knows."""
