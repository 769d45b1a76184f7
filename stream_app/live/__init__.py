"""Calls of a running system, followed on the result topics; nothing here draws."""
