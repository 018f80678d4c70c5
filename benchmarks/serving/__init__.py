"""Side by side with other model servers: the peers, the load, the rows and the table."""
