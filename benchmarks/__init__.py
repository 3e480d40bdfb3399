"""What the planner is worth, measured on made pools; a room for development, not installed."""
