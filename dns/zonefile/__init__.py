"""Zone files: read (`master`), held (`zone`), and asked (`answer`)."""
