"""The machine of `finalize`: turns in, one finalized call with its metrics out."""
