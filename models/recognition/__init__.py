"""Which network a checkpoint holds, from the names and shapes of its tensors alone.

`architectures` is the table of what is taken; `recognise` finds the row that a file belongs to.
"""
