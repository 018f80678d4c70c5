"""The commands as they are typed, a module for each family: loaded when one of them is."""
