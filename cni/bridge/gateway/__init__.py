"""The bridge itself: made, adopted, addressed."""
