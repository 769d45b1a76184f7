"""What live calls wait while call analytics works beside them."""
