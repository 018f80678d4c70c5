"""`cog build` in this process: a client of BuildKit with the frontend inside."""
