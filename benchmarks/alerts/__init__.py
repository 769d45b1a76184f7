"""How soon after a finalized call its alert is there."""
