"""What tests of the call analytics share."""
