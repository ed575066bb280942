"""Which landmarks a class has, and which channels of the network stand for them."""
