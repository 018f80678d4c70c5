"""A small library that builds BuildKit LLB graphs."""
