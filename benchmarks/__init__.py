"""Speed, memory and accuracy of everything else; nothing imports from here."""
