"""The classification network: its heads, what it reads, and how it learns."""
