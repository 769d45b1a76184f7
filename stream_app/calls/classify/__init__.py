"""What the agent `classify` asks of a finalized call, and what the answer becomes."""
