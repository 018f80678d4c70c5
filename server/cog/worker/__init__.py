"""The process that runs a model's code: load, coerce, run, capture, cancel. Standard library only.

``__main__`` is started as a script by the server and speaks `cog.wire` over a socket it inherits.
"""
