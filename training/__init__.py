"""Offline training packages, one per model; each exports weights that ``models`` loads."""
