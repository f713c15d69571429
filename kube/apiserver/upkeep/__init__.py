"""What the server does by itself: its first objects, its place among other servers, and what it forgets."""
