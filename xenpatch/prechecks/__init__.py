"""What a pool must be like before it is touched."""
