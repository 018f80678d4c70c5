"""Protobuf stubs, made by `make proto`."""
