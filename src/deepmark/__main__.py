"""``python -m deepmark``: the same as the ``deepmark`` command."""

from deepmark.commands.group import main

if __name__ == "__main__":
    main()
