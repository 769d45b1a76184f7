"""How many live calls one core decodes."""
