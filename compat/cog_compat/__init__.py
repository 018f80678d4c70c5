"""Which versions go together: data and pure questions."""
