"""The only home of collection names, indexes and queries."""
