"""Forms of prepared calls that other trainers read; all derive from the same splits."""
