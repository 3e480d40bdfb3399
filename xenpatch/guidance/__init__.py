"""What has to follow hotfixes that were applied: read from the pool, told with the commands that do it."""
