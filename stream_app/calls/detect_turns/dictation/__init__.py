"""Numbers, spellings and addresses that are being dictated."""
