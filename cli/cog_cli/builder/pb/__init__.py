"""BuildKit's control API and session services: stubs made from the files beside them."""
