"""The real thing: BuildKit in a Docker Engine, containers, a registry."""
