"""What several studies share: the machine's name, made-up heads, a network in a process of its own."""
